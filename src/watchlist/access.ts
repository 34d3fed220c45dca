import { type Kysely, sql } from 'kysely';
import type { DB } from '../database/types.generated.ts';

/** What somebody does to a photo, a face or a person that the record of accesses has a row for. */
export const accessActions = [
  'photo',
  'crop',
  'search',
  'compare',
  'detect',
  'export',
  'evidence',
  'report',
] as const;
type AccessAction = (typeof accessActions)[number];

/** Something that is looked at, by the name of its table. */
type AccessKind = 'image' | 'face' | 'person' | 'stranger' | 'watchlist' | 'alert' | 'camera';

/** One access. */
export interface Access {
  readonly action: AccessAction;
  /** What is looked at; without it, a photo that is not stored, or everything. */
  readonly subject?: { readonly kind: AccessKind; readonly id: string } | undefined;
  /** Why, in the words of who looks: the header Access-Reason, or --reason. At most 2000 characters. */
  readonly reason?: string | undefined;
  /** Everybody whom it concerns, by id; without it, whose it is and who was found in it. */
  readonly persons?: readonly string[] | undefined;
  /** What else there is to say, without personal data: at most 16 KiB of JSON. */
  readonly details?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * Records that somebody looks at a photo, a crop or a person, or searches by photo: in the name of watchpost.actor(),
 * so call it within asCaller() or actingAs(), and before the answer is given. A photo or crop that the same actor reads
 * again within a minute is counted on the row that is there. The row has the Request-Id of the call that the transaction is
 * attributed to.
 *
 * @returns the row's id.
 */
export const recordAccess = async (db: Kysely<DB>, access: Access): Promise<string> => {
  const { action, subject, reason, details = {}, persons } = access;
  const { rows } = await sql<{ id: string }>`
    select watchpost.record_access(
      ${action}, ${subject?.kind ?? null}, ${subject?.id ?? null}::uuid, ${reason ?? null},
      ${JSON.stringify(details)}::jsonb, ${persons ? [...persons] : null}::uuid[]
    ) as id
  `.execute(db);
  return (rows[0] as { id: string }).id;
};

/** Which accesses are listed. Each page begins after the last id of the previous one. */
export interface AccessFilter {
  readonly actor?: string | undefined;
  readonly action?: AccessAction | undefined;
  /** A person's id: accesses that concerned them, or whom was merged into them. */
  readonly person?: string | undefined;
  /** The id of what was looked at: an image, a face, a person, an alert. */
  readonly subject?: string | undefined;
  /** ISO 8601, by the first reading of a row. */
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  readonly after?: string | undefined;
  readonly limit: number;
}

/** A row of the table access. */
export interface AccessRow {
  readonly id: string;
  readonly at: Date;
  readonly actor: string;
  readonly action: AccessAction;
  readonly subject: { readonly kind: AccessKind; readonly id: string } | null;
  readonly person_ids: string[];
  readonly reason: string | null;
  readonly request_id: string | null;
  readonly details: Record<string, unknown>;
  readonly times: number;
  readonly last_at: Date;
}

/** Accesses, the latest first. */
export const findAccesses = async (db: Kysely<DB>, filter: AccessFilter): Promise<AccessRow[]> => {
  const { actor, action, person, subject, since, until, after } = filter;
  const { rows } = await sql<AccessRow>`
    select
      a.id, a.at, a.actor, a.action,
      case when a.subject_id is not null then jsonb_build_object('kind', a.subject_kind, 'id', a.subject_id) end as subject,
      a.person_ids, a.reason, a.request_id, a.details, a.times, a.last_at
    from watchpost.access as a
    where (${actor ?? null}::text is null or a.actor = ${actor ?? null})
      and (${action ?? null}::text is null or a.action = ${action ?? null})
      and (${person ?? null}::uuid is null or a.person_ids && watchpost.ids_of_person(${person ?? null}::uuid))
      and (${subject ?? null}::uuid is null or a.subject_id = ${subject ?? null}::uuid)
      and (${since ?? null}::timestamptz is null or a.at >= ${since ?? null}::timestamptz)
      and (${until ?? null}::timestamptz is null or a.at < ${until ?? null}::timestamptz)
      and (${after ?? null}::uuid is null or a.id < ${after ?? null}::uuid)
    order by a.id desc
    limit ${filter.limit}
  `.execute(db);
  return rows;
};
