import { type Kysely, sql } from 'kysely';
import type { DB } from '../database/types.generated.ts';
import { WatchpostError } from '../errors.ts';
import { readSurvivor } from './people.ts';

/** Who somebody is not: faces, and other people. What follows from it is in sql/4-people/cannot-link.sql. */

/** Somebody has said that a face, or another person, is not this person. */
export interface CannotLink {
  readonly id: string;
  /** Null: it is about another person. */
  readonly face: { readonly id: string; readonly image_id: string } | null;
  /** Null: it is about a face. */
  readonly person: { readonly id: string; readonly name: string } | null;
  /** The alert that was dismissed with it; null: none was, or it is gone. */
  readonly alert_id: string | null;
  readonly reason: string | null;
  readonly created_by: string;
  readonly created_at: Date;
}

/** What is said not to be the person: a face, or another person. */
export type Other = { readonly face: string } | { readonly person: string };

/** The links of a person in either direction, by their ids; undefined: all of them, the first one first. */
const select = async (db: Kysely<DB>, person: string, id?: string): Promise<CannotLink[]> => {
  const { rows } = await sql<CannotLink>`
    select
      c.id,
      case when f.id is not null then json_build_object('id', f.id, 'image_id', f.image_id) end as face,
      case when o.id is not null then json_build_object('id', o.id, 'name', o.name) end as person,
      c.alert_id, c.reason, c.created_by, c.created_at
    from watchpost.cannot_link as c
    left join watchpost.face as f on f.id = c.face_id
    left join watchpost.person as o on o.id = case when c.person_id = ${person} then c.other_person_id else c.person_id end
    where (c.person_id = ${person} or c.other_person_id = ${person})
      and (${id ?? null}::uuid is null or c.id = ${id ?? null}::uuid)
    order by c.id
  `.execute(db);
  return rows;
};

/**
 * Everything that is said not to be a person.
 *
 * @throws {WatchpostError} person_unknown.
 */
export const readCannotLinks = async (db: Kysely<DB>, asked: string): Promise<CannotLink[]> =>
  select(db, await readSurvivor(db, asked));

/**
 * Says that a face, or another person, is not this person. Matches that contradict it are withdrawn at once.
 *
 * @returns the link, and whether it is new: said twice it is the one that was there.
 * @throws {WatchpostError} person_unknown, face_unknown; by SQLSTATE cannot_link_self.
 */
export const addCannotLink = async (
  db: Kysely<DB>,
  asked: string,
  other: Other,
  reason: string | undefined,
): Promise<{ readonly link: CannotLink; readonly added: boolean }> => {
  const person = await readSurvivor(db, asked);
  const face = 'face' in other ? await findFace(db, other.face) : null;
  const people = 'person' in other ? await readSurvivor(db, other.person) : null;
  const { rows } = await sql<{ id: string }>`
    insert into watchpost.cannot_link (person_id, face_id, other_person_id, reason)
    values (${person}, ${face}, ${people}, ${reason ?? null})
    on conflict do nothing
    returning id
  `.execute(db);
  const [made] = rows;
  const links = await select(db, person, made?.id);
  const link = links.find((one) => made !== undefined || one.face?.id === face || one.person?.id === people);
  if (link) return { link, added: made !== undefined };
  throw new WatchpostError('changed_meanwhile', 'This was said, or taken back, by somebody else meanwhile.');
};

/**
 * Takes back what was said: matches that only it had withdrawn are restored.
 *
 * @throws {WatchpostError} person_unknown, cannot_link_unknown.
 */
export const removeCannotLink = async (db: Kysely<DB>, asked: string, id: string): Promise<void> => {
  const person = await readSurvivor(db, asked);
  const [link] = await select(db, person, id);
  if (!link) throw new WatchpostError('cannot_link_unknown', `This person has no cannot-link ${id}.`);
  await db.deleteFrom('watchpost.cannot_link').where('id', '=', id).execute();
};

const findFace = async (db: Kysely<DB>, id: string): Promise<string> => {
  const face = await db.selectFrom('watchpost.face').select('id').where('id', '=', id).executeTakeFirst();
  if (face) return face.id;
  throw new WatchpostError('face_unknown', `There is no face ${id}.`);
};
