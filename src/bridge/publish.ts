import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'kysely';
import type { Database } from '../database/pool.ts';
import { beginning, isIn, NewRows } from '../watchlist/new-rows.ts';
import type { Bridge, Link } from './bridge.ts';
import { type BridgeEvent, encode } from './cloud-event.ts';
import type { Lease } from './lease.ts';

/** Events that are published before the broker has to have confirmed them all. */
const pageSize = 100;

/** Milliseconds between two looks for new events. */
const lookEvery = 250;

/** Milliseconds after which the position is written although nothing was published: a later start reads less. */
const noteEvery = 10_000;

/**
 * Publishes the events of a bridge in the order of the record, and writes the position behind those that the broker has confirmed.
 * What was published and whose position was not written is published again: at least once. Within a camera the first
 * appearance of each is in order.
 *
 * Resolves when `signal` is aborted or the lease is lost; rejects with what is wrong.
 *
 * @param position of watchpost.bridge_state.
 */
export const publishEvents = async (
  { db }: Database,
  bridge: Bridge,
  link: Link,
  lease: Lease,
  position: string | null,
  signal: AbortSignal,
): Promise<void> => {
  const rows = await NewRows.after<BridgeEvent>(db, reader(bridge), position ?? beginning, pageSize);
  let notedAt = performance.now();
  let noted = rows.position;
  while (!signal.aborted) {
    const found = await rows.next();
    if (found.length > 0) {
      // A process that was suspended finds out here that another has gone on in its place.
      if (!lease.isHeld()) return;
      await link.publish(found.map(({ row }) => encode(bridge, row)));
    }
    const isDue = rows.position !== noted && performance.now() - notedAt > noteEvery;
    if (found.length > 0 || isDue) {
      if (!(await lease.published(rows.position, found.length))) return;
      [notedAt, noted] = [performance.now(), rows.position];
    }
    if (found.length < pageSize)
      await Promise.race([sleep(lookEvery, undefined, { signal }).catch(() => {}), link.lost]);
  }
};

const reader =
  (bridge: Bridge) => async (db: Database['db'], window: Parameters<typeof isIn>[1], most: number) => {
    const { rows } = await sql<BridgeEvent>`
    select
      e.id, e.xid::text as xid, e.topic, e.subject_id, e.payload, e.created_at, p.site_id, p.camera_id, c.name as camera
    from watchpost.full_event as e
    cross join lateral watchpost.event_place(e.topic, e.subject_id, e.image_id, e.payload) as p
    left join watchpost.camera as c on c.id = p.camera_id
    where ${isIn('e', window)}
      and e.topic like any (watchpost.topic_patterns(${bridge.topics}::text[]))
      and (${bridge.site_id}::uuid is null or p.site_id = ${bridge.site_id}::uuid)
    order by e.xid, e.id
    limit ${most}
  `.execute(db);
    return rows;
  };
