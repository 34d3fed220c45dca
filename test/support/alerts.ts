import type { TestDatabase } from './database.ts';
import { addMatch, addModel } from './fabricate.ts';

/** An alert of fabricated matches: a person of a list, seen at a camera. */
interface MadeAlert {
  readonly alertId: string;
  readonly personId: string;
  readonly watchlistId: string;
  readonly watchlist: string;
}

let made = 0;

/**
 * Raises an alert as the pipeline does, over a person, a list and a camera of its own unless given.
 *
 * @param options.seen when the photos were taken; one match each.
 */
export const raiseAlert = async (
  database: TestDatabase,
  options: {
    reviewers?: number;
    severity?: string;
    watchlistId?: string;
    seen?: readonly string[];
    similarity?: number;
    /** The connection that raises it; the rows before it are committed by then. */
    raising?: Pick<TestDatabase, 'rows'>;
  } = {},
): Promise<MadeAlert> => {
  made += 1;
  const model = await addModel(database, 'alerts-model', 4);
  const [list] = options.watchlistId
    ? await database.rows('select id, name from watchpost.watchlist where id = $1', [options.watchlistId])
    : await database.rows(
        `insert into watchpost.watchlist (name, reviewers, severity) values ($1, $2, $3) returning id, name`,
        [`list ${made}`, options.reviewers ?? 1, options.severity ?? 'warning'],
      );
  const [person] = await database.rows(
    `insert into watchpost.person (name, external_ref) values ($1, $2) returning id`,
    [`Person ${made}`, `ref-${made}`],
  );
  await database.rows(`insert into watchpost.camera (name, location, zone) values ($1, $2, 'outside')`, [
    `camera ${made}`,
    `Gate ${made}`,
  ]);
  let alertId = '';
  for (const capturedAt of options.seen ?? [new Date().toISOString()]) {
    const matchId = await addMatch(database, {
      model,
      personId: person.id,
      watchlistId: list.id,
      similarity: options.similarity ?? 0.75,
      camera: `camera ${made}`,
      capturedAt,
    });
    const { rows } = options.raising ?? database;
    const [raised] = await rows('select watchpost.raise_alert($1) as id', [matchId]).catch((error) => {
      // A worker that runs beside the test has found the match and raised it first.
      if (error.constraint !== 'alert_match_pkey') throw error;
      return rows('select alert_id as id from watchpost.alert_match where match_id = $1', [matchId]);
    });
    alertId = raised.id;
  }
  return { alertId, personId: person.id, watchlistId: list.id, watchlist: list.name };
};
