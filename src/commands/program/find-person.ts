import { type Kysely, sql } from 'kysely';
import type { DB } from '../../database/types.generated.ts';
import { CommandError, WatchpostError } from '../../errors.ts';

/** What {@link findOnePerson} takes, for the help. */
export const personArgument = 'id, external reference, or a name that only one person has';

/** A person who is meant by an argument of a command. */
interface FoundPerson {
  readonly id: string;
  readonly name: string;
}

interface Candidate extends FoundPerson {
  /** Whether the argument is their id or external reference. */
  readonly exact: boolean;
  readonly merged: boolean;
  readonly survivor_id: string;
  readonly survivor: string;
}

/**
 * The person that is meant by an argument of a command. Who was merged into another leads to that person.
 *
 * @param wanted an id, an external reference, or a name that only one person has.
 * @throws {WatchpostError} person_unknown. {CommandError} if several have the name.
 */
export const findOnePerson = async (db: Kysely<DB>, wanted: string): Promise<FoundPerson> =>
  theOnly(
    wanted,
    (await findCandidates(db, wanted)).map((one) => ({ ...one, id: one.survivor_id, name: one.survivor })),
  );

/** The same for what is done to a person as such: one who was merged is only meant by their id or reference. */
export const findPersonItself = async (db: Kysely<DB>, wanted: string): Promise<FoundPerson> =>
  theOnly(
    wanted,
    (await findCandidates(db, wanted)).filter((one) => one.exact || !one.merged),
  );

/** The same among people who were merged into another, whose name is `survivor`. */
export const findMergedPerson = async (db: Kysely<DB>, wanted: string): Promise<Candidate> => {
  const candidates = await findCandidates(db, wanted);
  const merged = candidates.filter((one) => one.merged);
  const [other] = candidates;
  if (merged.length === 0 && other) {
    throw new WatchpostError('merge_missing', `${JSON.stringify(other.name)} is not merged into anybody.`, {
      hint: 'Give the person who was merged, not the one who was kept: "person show" lists of whom somebody was made.',
    });
  }
  return theOnly(wanted, merged);
};

const findCandidates = async (db: Kysely<DB>, wanted: string): Promise<Candidate[]> => {
  const { rows } = await sql<Candidate>`
    select
      p.id, p.name, coalesce(p.id::text = lower(${wanted}) or p.external_ref = ${wanted}, false) as exact,
      p.merged_into is not null as merged, s.id as survivor_id, s.name as survivor
    from watchpost.person as p
    join watchpost.person as s on s.id = watchpost.survivor(p.id)
    where p.id::text = lower(${wanted}) or p.external_ref = ${wanted} or p.name = ${wanted}
    order by exact desc, p.id
    limit 100
  `.execute(db);
  return rows;
};

const theOnly = <P extends FoundPerson & { readonly exact: boolean }>(
  wanted: string,
  people: readonly P[],
): P => {
  const [first] = people;
  if (!first) throw new WatchpostError('person_unknown', `There is no person ${JSON.stringify(wanted)}.`);
  const ids = [...new Set(people.map((one) => one.id))];
  if (!first.exact && ids.length > 1) {
    throw new CommandError(
      `Several people are called ${wanted}; give the id of one: ${ids.slice(0, 10).join(', ')}.`,
    );
  }
  return first;
};
