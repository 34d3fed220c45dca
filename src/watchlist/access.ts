import { type Kysely, sql } from 'kysely';
import type { DB } from '../database/types.generated.ts';

/** What somebody does to a photo, a face or a person that the record of accesses has a row for. */
export type AccessAction =
  | 'photo'
  | 'crop'
  | 'search'
  | 'compare'
  | 'detect'
  | 'export'
  | 'evidence'
  | 'report';

/** Something that is looked at, by the name of its table. */
export type AccessKind = 'image' | 'face' | 'person' | 'stranger' | 'watchlist' | 'alert' | 'camera';

/** One access. */
export interface Access {
  readonly action: AccessAction;
  /** What is looked at; without it, a photo that is not stored, or everything. */
  readonly subject?: { readonly kind: AccessKind; readonly id: string } | undefined;
  /** Why, in the words of who looks: the header Access-Reason, or --reason. At most 2000 characters. */
  readonly reason?: string | undefined;
  /** Everybody whom it concerns, by id; without it, whose it is and who was found in it. */
  readonly persons?: readonly string[] | undefined;
  /** The Request-Id of the call. */
  readonly requestId?: string | undefined;
  /** What else there is to say, without personal data: at most 16 KiB of JSON. */
  readonly details?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * Records that somebody looks at a photo, a crop or a person, or searches by photo: in the name of watchpost.actor(),
 * so call it within asCaller() or actingAs(), and before the answer is given. A photo or crop that the same actor reads
 * again within a minute is counted on the row that is there.
 *
 * @returns the row's id.
 */
export const recordAccess = async (db: Kysely<DB>, access: Access): Promise<string> => {
  const { action, subject, reason, details = {}, persons, requestId } = access;
  const { rows } = await sql<{ id: string }>`
    select watchpost.record_access(
      ${action}, ${subject?.kind ?? null}, ${subject?.id ?? null}::uuid, ${reason ?? null},
      ${JSON.stringify(details)}::jsonb, ${persons ? [...persons] : null}::uuid[], ${requestId ?? null}
    ) as id
  `.execute(db);
  return (rows[0] as { id: string }).id;
};
