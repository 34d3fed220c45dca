import { type Kysely, sql } from 'kysely';
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
}

/**
 * Adds a person, on the given lists.
 *
 * @param person.watchlists names or ids.
 * @throws {WatchpostError} name_taken if the external_ref is, watchlist_unknown, watchlist_expired; then nothing was
 *   written.
 */
export const addPerson = (
  db: Kysely<DB>,
  person: PersonFields & { readonly name: string; readonly watchlists?: readonly string[] | undefined },
) =>
  inTransaction(db, async (trx) => {
    await assertFree(trx, person.external_ref);
    const made = await refOrTaken(
      person.external_ref,
      trx
        .insertInto('watchpost.person')
        .values({
          name: person.name,
          external_ref: person.external_ref ?? null,
          metadata: JSON.stringify(person.metadata ?? {}),
        })
        .returning(['id', 'name', 'external_ref', 'metadata', 'created_at'])
        .executeTakeFirstOrThrow(),
    );
    for (const list of person.watchlists ?? []) {
      await addToWatchlist(trx, await findWatchlist(trx, list), made.id);
    }
    return made;
  });

/**
 * Changes a person.
 *
 * @throws {WatchpostError} person_unknown; name_taken if another person has the external_ref.
 */
export const setPerson = (db: Kysely<DB>, id: string, fields: PersonFields) =>
  inTransaction(db, async (trx) => {
    await assertFree(trx, fields.external_ref, id);
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
      .selectAll()
      .where('id', '=', id)
      .executeTakeFirst();
    if (!person) throw personUnknown(id);
    return person;
  });

/**
 * Deletes a person, with the photos submitted for them and every sighting, batch by batch; first they are taken off every
 * list. If this is interrupted, it can be called again.
 *
 * @throws {WatchpostError} by SQLSTATE: person_unknown.
 */
export const removePerson = async (
  transact: Transact,
  id: string,
  onDeleted: OnDeleted = () => {},
): Promise<void> => {
  await deleteHistory(transact, { person: id }, onDeleted);
  await transact((trx) => sql`select watchpost.forget_person(${id})`.execute(trx));
};

const inTransaction = <T>(db: Kysely<DB>, act: (trx: Kysely<DB>) => Promise<T>): Promise<T> =>
  db.isTransaction ? act(db) : db.transaction().execute(act);

const refTaken = (ref: string, who = '') =>
  new WatchpostError('name_taken', `The external reference ${JSON.stringify(ref)} is taken${who}.`);

/** Checked before writing, because a violation of the index does not say who has the reference. */
const assertFree = async (db: Kysely<DB>, ref: string | null | undefined, id?: string): Promise<void> => {
  if (ref === null || ref === undefined) return;
  const holder = await db
    .selectFrom('watchpost.person')
    .select(['id', 'name'])
    .where('external_ref', '=', ref)
    .executeTakeFirst();
  if (holder && holder.id !== id) throw refTaken(ref, `: ${holder.name} (${holder.id}) has it`);
};

/** A concurrent call may take the reference after the check. */
const refOrTaken = <T>(ref: string | null | undefined, change: Promise<T>): Promise<T> =>
  orNameTaken(`The external reference ${JSON.stringify(ref)}`, change);

/** The error of an id that no person has. */
export const personUnknown = (id: string) =>
  new WatchpostError('person_unknown', `There is no person ${id}.`);
