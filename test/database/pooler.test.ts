import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/database/pool.ts';
import { openLog } from '../../src/log.ts';
import { temporaryFolder, watchpost } from '../commands/support.ts';
import { atEnd } from '../support/at-end.ts';
import { freshDatabase, onServer, type TestDatabase } from '../support/database.ts';
import { pgbouncer, startPgbouncer } from '../support/pgbouncer.ts';
import { sample } from '../support/photos.ts';
import { enrolAda, realVision, runWorker, submit, untilFinal } from '../support/pipeline.ts';

const able = onServer && pgbouncer !== undefined;
const reason = able ? '' : '(needs DATABASE_URL of a server, and pgbouncer)';

describe.skipIf(!able)(`a DATABASE_URL that leads through PgBouncer ${reason}`, () => {
  const refused = async (url: string): Promise<void> => {
    // Where "up" would keep its key if it were not refused.
    const settings = { DATABASE_URL: url, WATCHPOST_DATA: await temporaryFolder() };
    for (const args of [['up'], ['sql', 'select 1']]) {
      const { code, stdout, stderr } = await watchpost(args, settings);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toMatch(
        /^The database at postgres\S+ cannot be used\. DATABASE_URL leads through a pooler in/,
      );
      expect(stderr).toMatch(/\nSet DATABASE_URL to the server itself, or to a pool in session mode .*\n$/);
    }
  };

  /** Makes the pooler open so many sessions, which it has to choose among from then on. */
  const openSessions = async (url: string, count: number): Promise<void> => {
    const clients = Array.from({ length: count }, () => new pg.Client({ connectionString: url }));
    for (const client of clients) await client.connect();
    for (const client of clients) await client.query('begin; select 1');
    for (const client of clients) await client.query('commit');
    await Promise.all(clients.map((client) => client.end()));
  };

  it.each([
    ['one session', { pool_mode: 'transaction', default_pool_size: 1 }, 1],
    ['the session used last first', { pool_mode: 'transaction' }, 5],
    ['one of two in turn', { pool_mode: 'transaction', server_round_robin: 1 }, 2],
    ['one of five in turn', { pool_mode: 'transaction', server_round_robin: 1 }, 5],
    ['one for each statement', { pool_mode: 'statement', server_round_robin: 1 }, 1],
  ])(
    'in a mode that gives out %s is refused, and nothing is set in its sessions',
    async (_, settings, open) => {
      const { url } = await freshDatabase({ empty: true });
      const pooled = await startPgbouncer(url, settings);
      if (open > 1) await openSessions(pooled, open);
      await refused(pooled);
      const client = new pg.Client({ connectionString: pooled });
      await client.connect();
      const { rows } = await client.query('show idle_in_transaction_session_timeout');
      await client.end();
      expect(rows).toEqual([{ idle_in_transaction_session_timeout: '0' }]);
    },
  );

  it('in transaction mode is recognised by a user without any right', async () => {
    const { url, pool } = await freshDatabase({ empty: true });
    const user = `nobody_${randomBytes(6).toString('hex')}`;
    await pool.query(`create role ${user} login`);
    atEnd(() => pool.query(`drop role ${user}`));
    await refused(
      await startPgbouncer(url.replace(/\/\/[^@]*@/, `//${user}@`), { pool_mode: 'transaction' }),
    );
  });

  it('in session mode is used as the server itself, from migrate to the alert', async () => {
    const { url } = await freshDatabase({ empty: true });
    const pooled = await startPgbouncer(url, { pool_mode: 'session' });
    expect(await watchpost(['migrate'], { DATABASE_URL: pooled })).toMatchObject({ code: 0, stderr: '' });
    const opened = openDatabase(pooled, { log: openLog('silent') });
    atEnd(() => opened.close());
    const database: TestDatabase = {
      ...opened,
      kind: 'server',
      rows: async (text, values = []) => (await opened.pool.query(text, values)).rows,
    };
    await runWorker(database, await realVision());
    await enrolAda(database);
    expect(await untilFinal(database, await submit(database, sample(1)))).toMatchObject({ alerts: 1 });
  });

  it('in session mode with too few sessions is refused, and it says how many are needed', async () => {
    const { url } = await freshDatabase({ empty: true });
    const pooled = await startPgbouncer(url, {
      pool_mode: 'session',
      default_pool_size: 1,
      query_wait_timeout: 1,
    });
    const { code, stderr } = await watchpost(['migrate'], { DATABASE_URL: pooled });
    expect(code).toBe(1);
    expect(stderr).toMatch(/has no second session to give\.\nRaise its pool_size .* to 15 for each process/);
  });
});
