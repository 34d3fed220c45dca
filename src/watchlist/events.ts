import { type Kysely, type NotNull, sql } from 'kysely';
import type { DB } from '../database/types.generated.ts';
import { WatchpostError } from '../errors.ts';
import type { Page } from '../fields.ts';
import { findCamera } from './cameras.ts';
import { beginning, isIn, NewRows } from './new-rows.ts';

/** Conditions for a query of events. */
export interface EventFilter {
  readonly topic?: string | undefined;
  /** Events of photos of this camera that are stored: its name or id, also of one that is not in use any more. */
  readonly camera?: string | undefined;
  /** A person's id: events about them, and about whoever was merged into them. */
  readonly person?: string | undefined;
  /** The id of a photo, which may be deleted. */
  readonly image?: string | undefined;
  /** At or after this time, in ISO 8601. */
  readonly since?: string | undefined;
  /** Before this time. */
  readonly until?: string | undefined;
}

/** What the topics of events begin with that say who may do what, and who looked at whom. */
const administered = ['access', 'bridge', 'endpoint', 'erased', 'key', 'retention', 'site'];

/** Whether events of a topic are for those only who administer. */
export const isAdministered = (topic: string): boolean => administered.includes(topic.split('.')[0] ?? '');

/** Whose events are read: those of everything, or not those that isAdministered names. */
export interface Reader {
  readonly db: Kysely<DB>;
  readonly administers: boolean;
}

const selectEvents = (db: Kysely<DB>, administers: boolean) =>
  db
    .selectFrom('watchpost.full_event as e')
    .select(['e.id', 'e.topic', 'e.subject_id', 'e.image_id', 'e.erased', 'e.created_at'])
    .select(sql<Record<string, unknown>>`e.payload`.as('payload'))
    .$narrowType<{
      id: NotNull;
      topic: NotNull;
      subject_id: NotNull;
      erased: NotNull;
      created_at: NotNull;
    }>()
    .$if(!administers, (q) => q.where(sql<string>`split_part(e.topic, '.', 1)`, 'not in', administered));

/** An event with all that it says, as long as that was not erased. */
export type Event = Awaited<ReturnType<typeof readEvents>>[number];

/** Looks up once what a filter names, so that each query has plain values, for which there are indexes. */
const prepare = async ({ db, administers }: Reader, wanted: EventFilter) => {
  const { topic, image, since, until } = wanted;
  const camera =
    wanted.camera === undefined ? undefined : await findCamera(db, wanted.camera, { orRemoved: true });
  const people = wanted.person === undefined ? undefined : await idsOfPerson(db, wanted.person);
  return (trx: Kysely<DB>) =>
    selectEvents(trx, administers)
      .$if(topic !== undefined, (q) => q.where('e.topic', '=', topic as string))
      .$if(image !== undefined, (q) => q.where('e.image_id', '=', image as string))
      .$if(people !== undefined, (q) => q.where('e.person_id', 'in', people as string[]))
      .$if(camera !== undefined, (q) =>
        q.where('e.image_id', 'in', (inner) =>
          inner
            .selectFrom('watchpost.image as i')
            .select('i.id')
            .where('i.camera_id', '=', camera as string),
        ),
      )
      // By the key, too, whose time is a little earlier: it decides which partitions are read.
      .$if(since !== undefined, (q) =>
        q
          .where('e.created_at', '>=', new Date(since as string))
          .where('e.id', '>=', sql<string>`watchpost.uuidv7_at(${since}::timestamptz - interval '1 minute')`),
      )
      .$if(until !== undefined, (q) =>
        q
          .where('e.created_at', '<', new Date(until as string))
          .where('e.id', '<', sql<string>`watchpost.uuidv7_at(${until}::timestamptz + interval '1 minute')`),
      );
};

const idsOfPerson = async (db: Kysely<DB>, person: string): Promise<string[]> => {
  const { rows } = await sql<{ ids: string[] }>`select watchpost.ids_of_person(${person}) as ids`.execute(db);
  return rows[0]?.ids ?? [];
};

/**
 * A page of the events that meet a filter, the latest first.
 *
 * @param page.after the id of an event.
 * @throws {WatchpostError} camera_unknown, by SQLSTATE.
 */
export const readEvents = async (reader: Reader, wanted: EventFilter, { after, limit }: Page) => {
  const select = await prepare(reader, wanted);
  return select(reader.db)
    .$if(after !== undefined, (q) => q.where('e.id', '<', after as string))
    .orderBy('e.id', 'desc')
    .limit(limit)
    .execute();
};

/**
 * One event.
 *
 * @throws {WatchpostError} event_unknown.
 */
export const readEvent = async ({ db, administers }: Reader, id: string): Promise<Event> => {
  const found = await selectEvents(db, administers).where('e.id', '=', id).executeTakeFirst();
  if (!found) throw new WatchpostError('event_unknown', 'There is no event with this id.');
  return found;
};

/** Events read at a time to be sent: what one says about a person has up to 64 KiB. */
const pageSize = 100;

/**
 * The events that meet a filter, as they are committed.
 *
 * @param position after which to begin; undefined: with those since `since`, else now.
 * @throws {WatchpostError} camera_unknown, by SQLSTATE.
 */
export const newEvents = async (reader: Reader, wanted: EventFilter, position?: string) => {
  const select = await prepare(reader, wanted);
  return NewRows.after(
    reader.db,
    (trx, window, most) =>
      select(trx)
        .select(sql<string>`e.xid::text`.as('xid'))
        .where(isIn('e', window))
        .orderBy('e.xid')
        .orderBy('e.id')
        .limit(most)
        .execute(),
    position ?? (wanted.since === undefined ? undefined : beginning),
    pageSize,
  );
};
