import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { DB } from '../database/types.generated.ts';
import { orNameTaken } from '../database/unique.ts';
import { WatchpostError } from '../errors.ts';
import { deleteHistory, type OnDeleted, type Transact } from './deleting.ts';
import { addToWatchlist, findWatchlist } from './entries.ts';

/** People: adding, changing and forgetting them. Finding and reading them: find-people.ts. */

/** The fields of a person. An omitted field is unchanged. */
export interface PersonFields {
  readonly name?: string | undefined;
  /** Null removes it. */
  readonly external_ref?: string | null | undefined;
  /** Replaces the previous metadata. */
  readonly metadata?: Record<string, unknown> | undefined;
  /** What allows the processing: see legal-bases.ts. Of a new person the installation's default. */
  readonly legal_basis?: string | undefined;
  /** When they are to be deleted, in ISO 8601; null: when somebody decides so. */
  readonly keep_until?: string | null | undefined;
}

/** A person to be added. */
interface NewPerson extends PersonFields {
  readonly name: string;
  /** Names or ids. */
  readonly watchlists?: readonly string[] | undefined;
  /** When they were added first, elsewhere; default: now. */
  readonly created_at?: string | undefined;
}

/**
 * Adds a person, on the given lists.
 *
 * @throws {WatchpostError} name_taken if the external_ref is, watchlist_unknown, watchlist_expired, watchlist_required of a
 *   key that is bound to lists; then nothing was written.
 */
export const addPerson = (db: Kysely<DB>, person: NewPerson) =>
  inTransaction(db, async (trx) => {
    const lists: string[] = [];
    for (const list of person.watchlists ?? []) lists.push(await findWatchlist(trx, list));
    // With the list that they are added for, so that its site may change them.
    const site = sql<string>`coalesce(
      (select w.site_id from watchpost.watchlist as w where w.id = ${lists[0] ?? null}::uuid), watchpost.default_site()
    )`;
    await assertFree(trx, person.external_ref, site);
    const made = await refOrTaken(
      person.external_ref,
      trx
        .insertInto('watchpost.person')
        .values({
          id: sql<string>`watchpost.begin_person(${lists}::uuid[])`,
          name: person.name,
          external_ref: person.external_ref ?? null,
          metadata: JSON.stringify(person.metadata ?? {}),
          keep_until: person.keep_until ?? null,
          ...(person.legal_basis === undefined ? {} : { legal_basis: person.legal_basis }),
          site_id: site,
          ...(person.created_at === undefined ? {} : { created_at: person.created_at }),
        })
        .returning(['id', 'name', 'external_ref', 'metadata', 'legal_basis', 'keep_until', 'created_at'])
        .executeTakeFirstOrThrow(),
    );
    for (const list of lists) await addToWatchlist(trx, list, made.id);
    return made;
  });

/**
 * Changes a person.
 *
 * @throws {WatchpostError} person_unknown; person_merged by SQLSTATE; name_taken if another person has the external_ref.
 */
export const setPerson = (db: Kysely<DB>, id: string, fields: PersonFields) =>
  inTransaction(db, async (trx) => {
    await sql`select watchpost.assert_unmerged(${id})`.execute(trx);
    const site = sql<string>`(select p.site_id from watchpost.person as p where p.id = ${id})`;
    await assertFree(trx, fields.external_ref, site, id);
    const { metadata, ...others } = fields;
    const columns = Object.fromEntries(
      Object.entries({
        ...others,
        metadata: metadata === undefined ? undefined : JSON.stringify(metadata),
      }).filter(([, value]) => value !== undefined),
    );
    if (Object.keys(columns).length > 0) {
      await refOrTaken(
        fields.external_ref,
        trx.updateTable('watchpost.person').set(columns).where('id', '=', id).execute(),
      );
    }
    const person = await trx
      .selectFrom('watchpost.person')
      .select(['id', 'name', 'external_ref', 'metadata', 'legal_basis', 'keep_until', 'created_at'])
      .where('id', '=', id)
      .executeTakeFirst();
    if (!person) throw personUnknown(id);
    return person;
  });

/**
 * Deletes a person, with the photos submitted for them, every sighting, and whom was merged into them, batch by batch;
 * first they are taken off every list. If this is interrupted, it can be called again.
 *
 * @throws {WatchpostError} by SQLSTATE: person_unknown, person_merged.
 */
export const removePerson = async (
  transact: Transact,
  id: string,
  onDeleted: OnDeleted = () => {},
): Promise<void> => {
  await deleteHistory(transact, { person: id }, onDeleted);
  await transact((trx) => sql`select watchpost.forget_person(${id})`.execute(trx));
};

/**
 * Deletes a person whose enrolment came to nothing, with the photos that were to enrol them.
 *
 * @param photos ids of the person_photo rows that they were added with.
 * @returns false, and nothing is deleted, if a photo was enrolled after all, or somebody has given them another one.
 */
export const takeBackPerson = async (
  db: Kysely<DB>,
  id: string,
  photos: readonly string[],
): Promise<boolean> => {
  const { rows } = await sql<{ gone: boolean }>`
    select watchpost.take_back_person(${id}, ${photos}::uuid[]) as gone
  `.execute(db);
  return (rows[0] as { gone: boolean }).gone;
};

const inTransaction = <T>(db: Kysely<DB>, act: (trx: Kysely<DB>) => Promise<T>): Promise<T> =>
  db.isTransaction ? act(db) : db.transaction().execute(act);

const refTaken = (ref: string, who = '') =>
  new WatchpostError('name_taken', `The external reference ${JSON.stringify(ref)} is taken${who}.`);

/** Checked before writing, because a violation of the index does not say who has the reference. */
const assertFree = async (
  db: Kysely<DB>,
  ref: string | null | undefined,
  site: RawBuilder<string>,
  id?: string,
): Promise<void> => {
  if (ref === null || ref === undefined) return;
  const holder = await db
    .selectFrom('watchpost.person')
    .select(['id', 'name'])
    .where('external_ref', '=', ref)
    .where('site_id', '=', site)
    .executeTakeFirst();
  if (holder && holder.id !== id) throw refTaken(ref, `: ${holder.name} (${holder.id}) has it`);
};

/** A concurrent call may take the reference after the check. */
const refOrTaken = <T>(ref: string | null | undefined, change: Promise<T>): Promise<T> =>
  orNameTaken(`The external reference ${JSON.stringify(ref)}`, change);

/**
 * The id of a person by it, or by that of one who was merged into them.
 *
 * @throws {WatchpostError} person_unknown.
 */
export const readSurvivor = async (db: Kysely<DB>, asked: string): Promise<string> => {
  const person = await db
    .selectFrom('watchpost.person')
    .select('id')
    .where('id', '=', sql<string>`watchpost.survivor(${asked})`)
    .executeTakeFirst();
  if (!person) throw personUnknown(asked);
  return person.id;
};

/** The error of an id that no person has. */
export const personUnknown = (id: string) =>
  new WatchpostError('person_unknown', `There is no person ${id}.`);
