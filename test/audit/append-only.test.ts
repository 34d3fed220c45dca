import { beforeAll, describe, expect, it } from 'vitest';
import { toWatchpostError } from '../../src/convert-error.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { handleAll, submitMany } from '../support/record.ts';

describe('the record is append-only', () => {
  let database: TestDatabase;
  let partition: string;

  beforeAll(async () => {
    database = await freshDatabase();
    await handleAll(database, await submitMany(database, 3));
    const [row] = await database.rows(`select tableoid::regclass::text as name from watchpost.event limit 1`);
    partition = row.name;
  });

  it('keeps its rows in a partition of this week, not in the rest', () => {
    expect(partition).toMatch(/^watchpost_history\.event_\d{4}_\d\d_\d\d$/);
  });

  const refused = [
    `update watchpost.event set topic = 'other'`,
    'delete from watchpost.event',
    'truncate watchpost.event',
    `update watchpost.handling set outcome = 'retry'`,
    'delete from watchpost.handling',
    'truncate watchpost.handling',
    'delete from PARTITION',
    'truncate PARTITION',
    'truncate watchpost_history.event_rest',
    'update watchpost.seal set row_count = 0',
    'delete from watchpost.seal',
    'update watchpost.seal_leaves set keys = null',
  ];
  it.each(refused)('%s is refused, also to a superuser', async (statement) => {
    const error = await database.rows(statement.replace('PARTITION', partition)).catch((reason) => reason);
    expect(error).toMatchObject({ code: 'WP020' });
    expect(error.hint).toContain('watchpost.retention');
    expect(toWatchpostError(error).code).toBe('record_append_only');
  });

  it('has lost nothing', async () => {
    const [left] = await database.rows(
      `select (select count(*) from watchpost.event)::int as events, (select count(*) from watchpost.handling)::int as handlings`,
    );
    expect(left).toEqual({ events: 3, handlings: 3 });
  });
});
