import { beforeAll, describe, expect, it } from 'vitest';
import { toWatchpostError } from '../../src/convert-error.ts';
import { openDatabase } from '../../src/database/pool.ts';
import { openLog } from '../../src/log.ts';
import { atEnd } from '../support/at-end.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';

const log = openLog('silent');

describe.skipIf(!onServer)(`a statement that takes too long ${needsServer}`, () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await freshDatabase();
  });

  const running = (statement: string) =>
    database.rows(`select pid from pg_stat_activity where state = 'active' and query = $1`, [statement]);

  it('is cancelled in the server when it is given up, and that is said', async () => {
    const hasty = openDatabase(database.url, { log, max: 1, answerWithinMs: 300, server: true });
    atEnd(() => hasty.close());
    const statement = 'select pg_sleep(601)';
    const asked = hasty.pool.query(statement).catch((error: unknown) => error);
    await until(async () => (await running(statement)).length === 1);
    expect(toWatchpostError(await asked)).toMatchObject({
      code: 'database_unavailable',
      message: 'The database did not answer in time; the statement was given up and cancelled.',
    });
    await until(async () => (await running(statement)).length === 0);
    expect((await hasty.pool.query('select 1 as one')).rows, 'others go on').toEqual([{ one: 1 }]);
  });

  it('is waited for where there is no limit, as by commands', async () => {
    const patient = openDatabase(database.url, { log, max: 1, answerWithinMs: 0, server: true });
    atEnd(() => patient.close());
    const statement = 'select pg_sleep(602)';
    const asked = patient.pool.query(statement).catch((error: unknown) => error);
    const [{ pid }] = await until(async () => {
      const rows = await running(statement);
      return rows.length === 1 && rows;
    });
    await database.rows('select pg_cancel_backend($1)', [pid]);
    expect(await asked).toMatchObject({ code: '57014' });
  });
});
