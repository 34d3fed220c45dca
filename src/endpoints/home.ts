import { createHash } from 'node:crypto';
import { type Kysely, sql } from 'kysely';
import type { DB } from '../database/types.generated.ts';
import { WatchpostError } from '../errors.ts';
import type { Outgoing } from '../outgoing/index.ts';
import { withBroker } from './mqtt.ts';
import { readPicture } from './picture.ts';
import { readReceiver } from './receiver.ts';

interface HomeMessage {
  readonly topic: string;
  readonly payload: string | null;
  readonly face_id: string | null;
  readonly sha256: Buffer;
}

/** Most milliseconds that bringing a broker up to date may take. */
const patienceMs = 20_000;

/**
 * Brings the broker of an endpoint up to date for Home Assistant: publishes what has changed, retained, and empties what is gone.
 * What it has is in home_topic. May be repeated: it begins with what the tables say then.
 *
 * @throws {WatchpostError} row_missing: the endpoint is gone. Any error if the broker cannot be reached; what it has taken by then is published again.
 */
export const bringHomeUpToDate = async (
  db: Kysely<DB>,
  outgoing: Outgoing,
  endpointId: string,
): Promise<void> => {
  // Before the tables are read: what changes from now on makes another event.
  const begun = await db
    .updateTable('watchpost.home')
    .set({ due_since: null })
    .where('endpoint_id', '=', endpointId)
    .executeTakeFirst();
  if (begun.numUpdatedRows === 0n)
    throw new WatchpostError('row_missing', `The endpoint ${endpointId} is gone.`);
  const { rows: wanted } = await sql<HomeMessage>`
    select * from watchpost.home_messages(${endpointId})
  `.execute(db);
  const known = await db
    .selectFrom('watchpost.home_topic')
    .select(['topic', 'sha256'])
    .where('endpoint_id', '=', endpointId)
    .execute();
  const had = new Map(known.map(({ topic, sha256 }) => [topic, sha256]));
  const changed = wanted.filter(({ topic, sha256 }) => !had.get(topic)?.equals(sha256));
  const topics = new Set(wanted.map(({ topic }) => topic));
  const gone = known.map(({ topic }) => topic).filter((topic) => !topics.has(topic));
  if (changed.length > 0 || gone.length > 0) {
    // On record before they are published, so that they are emptied one day whatever happens now.
    await note(db, endpointId, changed, Buffer.alloc(0));
    const receiver = await readReceiver(db, endpointId);
    const signal = AbortSignal.timeout(patienceMs);
    const published: HomeMessage[] = [];
    await withBroker(receiver, { outgoing, signal }, async (publish) => {
      for (const topic of gone) await publish(topic, '', { retain: true });
      for (const message of changed) {
        const payload =
          message.payload ?? (await readPicture(db, message.face_id as string, undefined))?.bytes;
        if (payload === undefined) continue;
        await publish(message.topic, payload, { retain: true });
        published.push({ ...message, sha256: createHash('sha256').update(payload).digest() });
      }
    });
    if (gone.length > 0) {
      await db
        .deleteFrom('watchpost.home_topic')
        .where('endpoint_id', '=', endpointId)
        .where('topic', 'in', gone)
        .execute();
    }
    for (const message of published) await note(db, endpointId, [message], message.sha256);
  }
  // The credential of an endpoint that was removed was kept for this.
  await sql`
    delete from watchpost.endpoint_credential as c
    using watchpost.endpoint as e
    where e.id = c.endpoint_id and e.id = ${endpointId} and e.removed_at is not null
      and not exists (select from watchpost.home_topic as t where t.endpoint_id = e.id)
  `.execute(db);
};

const note = async (
  db: Kysely<DB>,
  endpointId: string,
  messages: readonly HomeMessage[],
  sha256: Buffer,
): Promise<void> => {
  if (messages.length === 0) return;
  await db
    .insertInto('watchpost.home_topic')
    .values(messages.map(({ topic }) => ({ endpoint_id: endpointId, topic, sha256 })))
    .onConflict((conflict) => conflict.columns(['endpoint_id', 'topic']).doUpdateSet({ sha256 }))
    .execute();
};
