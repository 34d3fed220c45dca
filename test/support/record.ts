import type { TestDatabase } from './database.ts';

/** Photos that are never decoded, for tests of the record; returns their events' ids, oldest first. */
export const submitMany = async (database: TestDatabase, count: number): Promise<string[]> => {
  await database.rows(
    `insert into watchpost.image (bytes) select convert_to('photo ' || n, 'UTF8') from generate_series(1, $1::integer) as n`,
    [count],
  );
  const events = await database.rows<{ id: string }>(
    'select id from watchpost.event order by id desc limit $1',
    [count],
  );
  return events.map((event) => event.id).reverse();
};

/** Records these events as done by their task. */
export const handleAll = async (database: TestDatabase, events: string[]): Promise<void> => {
  await database.rows(
    `insert into watchpost.handling (event_id, task, outcome, attempt, started_at, duration_ms)
     select e.id, 'detect', 'done', 1, e.created_at, 1.5 from watchpost.event as e where e.id = any ($1)`,
    [events],
  );
};

/**
 * Seals everything that is there. On a server with other users, one of their transactions may delay that for
 * a moment; the test's own time limit is the only one.
 */
export const sealAll = async (database: TestDatabase, most = 10_000): Promise<void> => {
  for (;;) {
    await database.rows(`select watchpost.seal_rows('event', $1), watchpost.seal_rows('handling', $1)`, [
      most,
    ]);
    const [left] = await database.rows<{ rows: string }>(
      `select watchpost.count_unsealed('event') + watchpost.count_unsealed('handling') as rows`,
    );
    if (left?.rows === '0') return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

/** Does what only a superuser can do: changes rows with all triggers off. */
export const tamper = async (database: TestDatabase, ...statements: string[]): Promise<void> => {
  const client = await database.pool.connect();
  try {
    await client.query('begin');
    await client.query('set local session_replication_role = replica');
    for (const statement of statements) await client.query(statement);
    await client.query('commit');
  } finally {
    client.release();
  }
};
