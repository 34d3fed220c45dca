import { type Kysely, sql } from 'kysely';
import { fromStored } from '../database/at-rest.ts';
import type { DB } from '../database/types.generated.ts';
import { recordAccess } from './access.ts';

/** The access report of one person: what is stored of them, every search that touched them, and who looked. */

type Row = Readonly<Record<string, unknown>>;

/** What watchpost.access_report() returns. */
export interface AccessReport {
  readonly person: Row & { readonly id: string; readonly name: string };
  readonly retention: Row | null;
  readonly watchlists: readonly Row[];
  readonly merged: readonly Row[];
  readonly photos: readonly (Row & { readonly face_id: string | null })[];
  readonly vectors: {
    readonly embeddings: number;
    readonly references: number;
    readonly models: readonly string[];
  };
  readonly sightings: readonly Row[];
  readonly alerts: readonly Row[];
  readonly deliveries: readonly Row[];
  readonly not_them: readonly Row[];
  readonly searches: readonly Row[];
  readonly accesses: readonly Row[];
  readonly events: readonly Row[];
}

/**
 * Records that somebody asks for the report, and reads it: so it names itself.
 *
 * @param db in a transaction in which the caller is set, or of the database user.
 * @param options.reason why, for the record.
 * @throws {WatchpostError} by SQLSTATE: person_unknown.
 */
export const readAccessReport = async (
  db: Kysely<DB>,
  person: string,
  { reason }: { reason?: string | undefined } = {},
): Promise<AccessReport> => {
  await sql`select watchpost.assert_person(${person})`.execute(db);
  const { rows: found } = await sql<{ id: string }>`select watchpost.survivor(${person}) as id`.execute(db);
  const subject = { kind: 'person', id: (found[0] as { id: string }).id } as const;
  await recordAccess(db, { action: 'report', subject, reason });
  const { rows } = await sql<{ report: AccessReport }>`
    select watchpost.access_report(${person}) as report
  `.execute(db);
  return (rows[0] as { report: AccessReport }).report;
};

/** The aligned faces of the enrolled photos, by the id of the face, as data URLs. */
export const readCrops = async (db: Kysely<DB>, report: AccessReport): Promise<Map<string, string>> => {
  const ids = report.photos.flatMap(({ face_id }) => (face_id === null ? [] : [face_id]));
  if (ids.length === 0) return new Map();
  const rows = await db.selectFrom('watchpost.face').select(['id', 'crop']).where('id', 'in', ids).execute();
  const asUrl = (crop: Buffer) =>
    `data:image/${crop[0] === 0x89 ? 'png' : 'jpeg'};base64,${crop.toString('base64')}`;
  return new Map(
    await Promise.all(rows.map(async ({ id, crop }) => [id, asUrl(await fromStored(db, crop))] as const)),
  );
};
