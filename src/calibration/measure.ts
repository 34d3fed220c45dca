import pgvector from 'pgvector';
import type { Database } from '../database/pool.ts';
import { type Calibration, patient } from './calibration.ts';
import type { LabelledFace } from './faces.ts';

/** Which faces are compared with which. */
interface Measurement {
  /** The model of the vectors; null: the one that most references have. */
  readonly model: string | null;
  /** Whether the references are part of the gallery, or only the faces given. */
  readonly references: boolean;
  /** Stored faces that matched nobody since then are strangers too. */
  readonly strangersSince: string | null;
  /** Faces that are not stored: more people of the gallery, and strangers. */
  readonly faces: readonly LabelledFace[];
  /** What was measured, in words, for the row. */
  readonly source: string;
  /** Of more photos, or more strangers, this many are searched. */
  readonly maxProbes: number;
  /** The command that repeats it. */
  readonly command: string;
}

/**
 * Compares the faces in the database and stores the curve, and nothing else, in one transaction. For what is enrolled
 * `select * from watchpost.calibrate()` does the same.
 *
 * @throws {WatchpostError} calibration_impossible, by SQLSTATE, if there are too few faces.
 */
export const measure = async (database: Database, wanted: Measurement): Promise<Calibration> => {
  const client = await database.pool.connect();
  try {
    await client.query('begin');
    const { rows } = await client.query<{ model: string | null }>(
      'select coalesce($1, watchpost.model_in_use()) as model',
      [wanted.model],
    );
    const model = rows[0]?.model ?? null;
    let stored: Calibration[];
    if (model === null || (wanted.references && wanted.faces.length === 0)) {
      stored = await ask(client, 'select * from watchpost.calibrate($1, $2, $3, $4)', [
        wanted.model,
        wanted.strangersSince,
        wanted.maxProbes,
        wanted.command,
      ]);
    } else {
      await client.query('select watchpost.open_calibration_sample()');
      if (wanted.references)
        await client.query('select watchpost.sample_references($1, $2, $3)', [
          model,
          wanted.strangersSince,
          wanted.maxProbes,
        ]);
      await client.query(
        `insert into pg_temp.calibration_sample (person, vector)
         select f.person, f.vector::halfvec from unnest($1::text[], $2::text[]) as f (person, vector)`,
        [
          wanted.faces.map((face) => face.person),
          wanted.faces.map((face) => pgvector.toSql(Array.from(face.vector))),
        ],
      );
      stored = await ask(client, 'select * from watchpost.store_calibration($1, $2, $3, $4)', [
        model,
        wanted.source,
        wanted.maxProbes,
        wanted.command,
      ]);
    }
    await client.query('commit');
    return stored[0] as Calibration;
  } catch (error) {
    await client.query('rollback').catch(() => {});
    throw error;
  } finally {
    client.release();
  }

  async function ask(on: typeof client, text: string, values: unknown[]): Promise<Calibration[]> {
    return (await on.query<Calibration>(patient(text, values))).rows;
  }
};
