import pg from 'pg';
import { beforeAll, describe, expect, it } from 'vitest';
import { migrate } from '../../src/database/migrate.ts';
import { openDatabase } from '../../src/database/pool.ts';
import { openLog } from '../../src/log.ts';
import { atEnd } from '../support/at-end.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { enrolAda, realVision, runWorker, submit, untilFinal, untilIdle } from '../support/pipeline.ts';

/** Settings that somebody may have given a database for another program, each unlike what Watchpost depends on. */
const hostile = {
  array_nulls: 'off',
  standard_conforming_strings: 'off',
  DateStyle: 'German',
  IntervalStyle: 'sql_standard',
  TimeZone: 'America/St_Johns',
  bytea_output: 'escape',
  extra_float_digits: '-15',
  client_encoding: 'LATIN1',
  default_transaction_isolation: 'serializable',
  plan_cache_mode: 'force_custom_plan',
  search_path: 'nowhere',
  jit: 'on',
  transform_null_equals: 'on',
};

/** Of these a client that is not ours would feel the same. */
const ofSessions = {
  session_replication_role: 'replica',
  statement_timeout: '61s',
  lock_timeout: '62s',
  transaction_timeout: '63s',
  idle_session_timeout: '64s',
  idle_in_transaction_session_timeout: '65s',
};

describe.skipIf(!onServer)(
  `a database with other defaults, and pgvector in a schema of its own ${onServer ? '' : needsServer}`,
  () => {
    let database: TestDatabase;

    beforeAll(async () => {
      const { url, pool } = await freshDatabase({ empty: true });
      const name = new URL(url).pathname.slice(1);
      // As providers do it that keep extensions apart.
      await pool.query('create schema extensions; create extension vector schema extensions');
      for (const [setting, value] of Object.entries({ ...hostile, ...ofSessions }))
        await pool.query(`alter database ${name} set ${setting} = '${value}'`);
      const opened = openDatabase(url, { log: openLog('silent') });
      atEnd(() => opened.close());
      database = {
        ...opened,
        kind: 'server',
        rows: async (text, values = []) => (await opened.pool.query(text, values)).rows,
      };
      await migrate(database.pool, openLog('silent'));
    });

    it('is migrated, and a photo raises its alert', async () => {
      await runWorker(database, await realVision());
      await enrolAda(database);
      expect(await untilFinal(database, await submit(database, sample(1)))).toMatchObject({
        state: 'done',
        faces: 3,
        alerts: 1,
      });
      await untilIdle(database);
      expect(await database.rows('select rule, finding from watchpost.invariant')).toEqual([]);
    });

    it('gives every connection of a process the same session', async () => {
      const shown = `
      select name, setting from pg_settings
      where name in ('DateStyle', 'array_nulls', 'default_transaction_isolation', 'search_path', 'session_replication_role',
        'statement_timeout', 'idle_in_transaction_session_timeout', 'extra_float_digits', 'client_encoding')
      order by name`;
      const { pool, jobs } = database;
      const reader = openDatabase(database.url, { log: openLog('silent'), readOnly: true });
      atEnd(() => reader.close());
      for (const one of [pool, jobs, reader.pool]) {
        const { rows } = await one.query(shown);
        expect(Object.fromEntries(rows.map(({ name, setting }) => [name, setting]))).toEqual({
          DateStyle: 'ISO, MDY',
          array_nulls: 'on',
          client_encoding: 'UTF8',
          default_transaction_isolation: 'read committed',
          extra_float_digits: '1',
          idle_in_transaction_session_timeout: '12000',
          search_path: 'public, extensions',
          session_replication_role: 'origin',
          statement_timeout: '0',
        });
      }
    });

    it('takes photos from other clients, whose settings are the hostile ones', async () => {
      const name = new URL(database.url).pathname.slice(1);
      await database.rows(`alter database ${name} reset session_replication_role`);
      const client = new pg.Client({ connectionString: database.url });
      await client.connect();
      atEnd(() => client.end());
      const { rows } = await client.query('insert into watchpost.image (bytes) values ($1) returning id', [
        sample(1),
      ]);
      expect(await untilFinal(database, rows[0].id)).toMatchObject({ state: 'done', faces: 3, matches: 1 });
      const called = await client.query('select watchpost.submit_image(bytes => $1) as id', [sample(4)]);
      expect(await untilFinal(database, called.rows[0].id)).toMatchObject({ state: 'done', faces: 4 });

      await untilIdle(database);
      for (const query of [
        'select rule from watchpost.invariant',
        'select name, rest, from_key, until_key from watchpost.partition order by name',
        'select count(*) from watchpost.verify_audit()',
        'select person, similarity from watchpost.sighting order by match_id',
      ]) {
        const ours = await database.rows(query);
        expect((await client.query(query)).rows.length, query).toBe(ours.length);
      }
    });
  },
);
