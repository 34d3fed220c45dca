import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { beforeAll, describe, expect, it } from 'vitest';
import { findHead, parseHead, readHead } from '../../src/database/verify.ts';
import { openLog } from '../../src/log.ts';
import { headsFile } from '../../src/runner/heads-file.ts';
import { raiseAlert } from '../support/alerts.ts';
import { atEnd } from '../support/at-end.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { realVision, runWorker, untilIdle } from '../support/pipeline.ts';
import { sealAll, submitMany } from '../support/record.ts';
import { until } from '../support/until.ts';
import { addEndpoint, answering, openReceiver, verifies } from './support.ts';

/** Makes the upkeep task heads due, and resolves with its result when this test or the worker has done it. */
const announce = async (database: TestDatabase): Promise<string> => {
  await database.rows(`update watchpost.upkeep_task set last_run = null where task = 'heads'`);
  return until(async () => {
    await database.rows('select watchpost.upkeep()');
    const [row] = await database.rows(
      `select last_run, last_result, last_error from watchpost.upkeep_task where task = 'heads'`,
    );
    return row.last_run !== null && `${row.last_result}${row.last_error ?? ''}`;
  });
};

describe('heads of the record', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await freshDatabase();
    await runWorker(database, await realVision());
    await submitMany(database, 3);
    await untilIdle(database);
    await sealAll(database);
  });

  it('are sent to the endpoints that are for them, signed, each time that the upkeep task is due', async () => {
    const [keeper, guards] = [await openReceiver(), await openReceiver()];
    const { id, secret } = await addEndpoint(database, { name: 'keeper', url: keeper.url, sends: 'heads' });
    await addEndpoint(database, { name: 'guards', url: guards.url });
    keeper.answer = answering(500);
    expect(await announce(database)).toBe('sent to 1 endpoints');
    const [first] = await keeper.has(1);
    expect(verifies(first!, secret)).toBe(true);
    expect(first!.message).toMatchObject({ type: 'record.head', data: { number: expect.any(Number) } });
    const sent = parseHead(first!.message.data.line)!;
    expect(await findHead(database, sent), 'as verify --head reads it').toBeDefined();

    keeper.answer = answering(204);
    await database.rows(
      `select graphile_worker.reschedule_jobs(array_agg(j.id), run_at => now()), pg_notify('jobs:insert', '{"count":1}')
       from watchpost.list_jobs() as j where j.task = 'heads' having count(*) > 0`,
    );
    const [, again] = await keeper.has(2);
    expect(again!.headers['webhook-id'], 'the same message').toBe(first!.headers['webhook-id']);
    expect(again!.body.replace(/"timestamp":"[^"]+"/, '')).toBe(
      first!.body.replace(/"timestamp":"[^"]+"/, ''),
    );
    const tried = await until(async () => {
      const rows = await database.rows(
        'select type, status, outcome from watchpost.delivery_log where endpoint_id = $1 order by id',
        [id],
      );
      return rows.every(({ outcome }) => outcome !== 'unfinished') && rows;
    });
    expect(tried).toEqual([
      { type: 'record.head', status: 500, outcome: 'failed' },
      { type: 'record.head', status: 204, outcome: 'delivered' },
    ]);

    await raiseAlert(database);
    await guards.has(1);
    expect(guards.received.map(({ message }) => message.type)).toEqual(['alert.raised']);
    expect(keeper.received, 'no alerts').toHaveLength(2);
    keeper.answer = answering(410);
    await announce(database);
    await until(async () => {
      const [row] = await database.rows('select enabled from watchpost.endpoint where id = $1', [id]);
      return !row.enabled;
    });
    expect(await announce(database)).toBe('sent to 0 endpoints');
  });

  it('are kept in a file, a line as often as the task is due, and once each', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'watchpost-heads-'));
    atEnd(() => rmSync(folder, { recursive: true, force: true }));
    const file = join(folder, 'heads');
    const log = openLog('silent');
    const keep = headsFile(database, file, log);
    await keep();
    const lines = () => readFileSync(file, 'utf8').trimEnd().split('\n');
    expect(lines()).toHaveLength(1);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(await findHead(database, parseHead(lines()[0]!)!)).toEqual(await readHead(database));
    await keep();
    expect(lines(), 'not due').toHaveLength(1);
    // As another process does, or this one after a restart.
    await headsFile(database, file, log)();
    expect(lines(), 'the same seal').toHaveLength(1);
    await submitMany(database, 1);
    await sealAll(database);
    await headsFile(database, file, log)();
    expect(lines()).toHaveLength(2);

    const warned: string[] = [];
    const loud = pino({ level: 'warn' }, { write: (line) => warned.push(line) });
    await headsFile(database, join(folder, 'nowhere/heads'), loud)();
    expect(warned.join()).toMatch(/cannot be kept.*|no such file or folder/);
  });
});
