import { setTimeout as sleep } from 'node:timers/promises';
import { type Kysely, sql } from 'kysely';
import type { DB } from '../../database/types.generated.ts';
import { type ProblemCode, WatchpostError } from '../../errors.ts';
import type { Rotation } from '../../vision/index.ts';
import type { Transact } from '../../watchlist/registry.ts';
import {
  addPerson,
  addPersonPhoto,
  addWatchlist,
  findWatchlist,
  removePhoto,
  takeBackPerson,
} from '../../watchlist/registry.ts';
import type { Key } from '../key.ts';

/**
 * A face collection of CompreFace: a watchlist. Its subjects are the people on the list, its examples their photos. A key
 * that is bound to one list has that one, any other the list `compreface`, which is added with the first subject.
 */

/** The name of the list of keys that are not bound to one. */
const collectionName = 'compreface';

/** The id of the list that is the collection of a key; undefined: it has no subject yet. */
export const findCollection = async (db: Kysely<DB>, key: Key): Promise<string | undefined> => {
  const [own, ...others] = key.watchlists ?? [];
  if (own !== undefined && others.length === 0) return own;
  try {
    return await findWatchlist(db, collectionName);
  } catch (error) {
    if (error instanceof WatchpostError && error.code === 'watchlist_unknown') return undefined;
    throw error;
  }
};

const provideCollection = async (trx: Kysely<DB>, key: Key): Promise<string> => {
  // Of two first subjects at the same time the second waits for the list of the first.
  await sql`select pg_advisory_xact_lock(hashtext('watchpost.compreface'))`.execute(trx);
  const there = await findCollection(trx, key);
  return (
    there ?? (await addWatchlist(trx, { name: collectionName, purpose: 'Subjects of the CompreFace API' })).id
  );
};

/** A subject. */
interface Subject {
  readonly id: string;
  readonly name: string;
}

/** The subjects of a collection by name; each name once, though two people may have it. */
export const readSubjects = async (db: Kysely<DB>, list: string | undefined): Promise<Subject[]> => {
  const { rows } = await sql<Subject>`
    select distinct on (p.name) p.id, p.name
    from watchpost.watchlist_entry as e
    join watchpost.person as p on p.id = e.person_id and p.merged_into is null
    where e.watchlist_id = ${list ?? null}::uuid
    order by p.name, p.id
  `.execute(db);
  return rows;
};

/**
 * A subject by its name.
 *
 * @throws {WatchpostError} person_unknown.
 */
export const findSubject = async (
  db: Kysely<DB>,
  list: string | undefined,
  name: string,
): Promise<Subject> => {
  const found = (await readSubjects(db, list)).find((subject) => subject.name === name.normalize('NFC'));
  if (found) return found;
  throw new WatchpostError('person_unknown', `There is no subject ${JSON.stringify(name)}.`);
};

/** The subject of this name, which is added if it is not there; `added` says which. */
export const provideSubject = async (
  trx: Kysely<DB>,
  key: Key,
  name: string,
): Promise<Subject & { readonly added: boolean }> => {
  const list = await provideCollection(trx, key);
  const there = (await readSubjects(trx, list)).find((subject) => subject.name === name);
  if (there) return { ...there, added: false };
  return { ...(await addPerson(trx, { name, watchlists: [list] })), added: true };
};

/** Whether a person is on another list than that of the collection. */
export const isOnOtherList = async (db: Kysely<DB>, list: string, person: string): Promise<boolean> => {
  const row = await db
    .selectFrom('watchpost.watchlist_entry')
    .select('watchlist_id')
    .where('person_id', '=', person)
    .where('watchlist_id', '!=', list)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
};

/** An example of a subject. */
interface Example {
  readonly image_id: string;
  readonly subject: string;
}

interface StoredExample {
  readonly image_id: string;
  readonly bytes: Buffer | null;
  readonly rotation: Rotation;
}

/** The enrolled photos of subjects. */
const examplesOf = (list: string | undefined, subject: string | undefined) => sql`
  from watchpost.watchlist_entry as e
  join watchpost.person as k on k.id = e.person_id and k.merged_into is null
  join watchpost.person_photo as p on p.person_id = k.id and p.removed_at is null
  where e.watchlist_id = ${list ?? null}::uuid
    and (${subject ?? null}::text is null or k.name = ${subject ?? null}::text)
    and exists (select from watchpost.reference as r where r.person_photo_id = p.id and r.superseded_at is null)
`;

/** Examples, oldest first. @param wanted.subject of one subject only. @param wanted.id this one only. */
export const readExamples = async (
  db: Kysely<DB>,
  list: string | undefined,
  wanted: { subject?: string | undefined; id?: string; offset?: number; limit?: number } = {},
): Promise<Example[]> => {
  const { rows } = await sql<Example>`
    select p.id as image_id, k.name as subject
    ${examplesOf(list, wanted.subject)}
      and (${wanted.id ?? null}::uuid is null or p.id = ${wanted.id ?? null}::uuid)
    order by p.id
    offset ${wanted.offset ?? 0}::bigint limit ${wanted.limit ?? null}::bigint
  `.execute(db);
  return rows;
};

/** How many there are. */
export const countExamples = async (
  db: Kysely<DB>,
  list: string | undefined,
  subject: string | undefined,
): Promise<number> => {
  const { rows } = await sql<{ count: number }>`
    select count(*)::integer as count ${examplesOf(list, subject)}
  `.execute(db);
  return rows[0]?.count ?? 0;
};

/**
 * One example.
 *
 * @throws {WatchpostError} photo_unknown.
 */
export const findExample = async (db: Kysely<DB>, list: string | undefined, id: string): Promise<Example> => {
  const [found] = await readExamples(db, list, { id });
  if (found) return found;
  throw new WatchpostError('photo_unknown', `There is no example ${id}.`);
};

/** The id of the stored photo of an example, its file and how it is turned; no bytes if they were dropped. */
export const readExampleFile = async (db: Kysely<DB>, id: string): Promise<StoredExample | undefined> => {
  const { rows } = await sql<StoredExample>`
    select i.id as image_id, i.bytes, i.rotation
    from watchpost.person_photo as p
    join watchpost.image as i on i.id = p.image_id
    where p.id = ${id}::uuid
  `.execute(db);
  return rows[0];
};

/** Removes examples, as the API of persons does: their matches are withdrawn. */
export const removeExamples = async (trx: Kysely<DB>, examples: readonly Example[]): Promise<void> => {
  for (const { image_id } of examples) await removePhoto(trx, image_id, 'removed by a client of CompreFace');
};

/** Milliseconds for which an enrolment is waited for: clients recognize right after they have added an example. */
const longestWait = 20_000;

/**
 * Enrols a photo and waits for the workers. One that is refused leaves nothing: the photo is removed, and with it a subject
 * that was added for it.
 *
 * @returns the id of the photo; after 20 s also if it is not enrolled yet.
 * @throws {WatchpostError} the code of the refusal, for example face_missing or faces_several.
 */
export const addExample = async (
  db: Kysely<DB>,
  transact: Transact,
  added: { key: Key; subject: string; bytes: Buffer; submittedBy: string },
  nudge: () => void,
): Promise<string> => {
  const { id, subject } = await transact(async (trx) => {
    const subject = await provideSubject(trx, added.key, added.subject);
    const photo = await addPersonPhoto(
      { db: trx },
      { personId: subject.id, bytes: added.bytes, submittedBy: added.submittedBy },
    );
    return { id: photo.person_photo_id, subject };
  });
  nudge();
  const refusal = await untilEnrolled(db, id);
  if (refusal) {
    await transact(async (trx) => {
      if (subject.added && (await takeBackPerson(trx, subject.id, [id]))) return;
      await removePhoto(trx, id, `refused: ${refusal.code}`);
    });
    throw refusal;
  }
  return id;
};

const untilEnrolled = async (db: Kysely<DB>, id: string): Promise<WatchpostError | undefined> => {
  for (
    let until = Date.now() + longestWait, pause = 20;
    Date.now() < until;
    pause = Math.min(pause * 1.5, 250)
  ) {
    const photo = await db
      .selectFrom('watchpost.photo_status')
      .select(['state', 'code', 'message'])
      .where('person_photo_id', '=', id)
      .executeTakeFirst();
    if (!photo || photo.state === 'enrolled' || photo.state === 'removed') return undefined;
    if (photo.state === 'refused') {
      return new WatchpostError(
        (photo.code ?? 'internal') as ProblemCode,
        photo.message ?? 'It was refused.',
      );
    }
    await sleep(pause);
  }
  return undefined;
};
