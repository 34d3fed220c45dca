import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { writeRows } from '../../src/runner/fence.ts';
import { match } from '../../src/stages/match.ts';
import type { Tools } from '../../src/stages/stage.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';
import { holdPhotos, untilClaimed } from '../support/held.ts';
import { sample } from '../support/photos.ts';
import { enrolAda, realVision, runWorker, submit, untilFinal } from '../support/pipeline.ts';
import { startWorkerProcess } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { check, countOf, untilSettled } from './checker.ts';
import type { Acknowledged } from './ledger.ts';

/** Submits samples as the harness does, and keeps the list of what was acknowledged. */
const submitAll = async (
  database: TestDatabase,
  numbers: readonly (1 | 2 | 4)[],
): Promise<Acknowledged[]> => {
  const facesOf = { 1: 3, 2: 3, 4: 4 };
  const acknowledged = [];
  for (const number of numbers) {
    const key = `photo-${number}`;
    const bytes = sample(number);
    const [row] = await database.rows(
      'select watchpost.submit_image(bytes => $1, idempotency_key => $2) as id',
      [bytes, key],
    );
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    acknowledged.push({
      key,
      id: row.id,
      sha256,
      by: 'INSERT' as const,
      faces: facesOf[number],
      at: Date.now(),
    });
  }
  return acknowledged;
};

const findingsOf = (database: TestDatabase, acknowledged: readonly Acknowledged[]) =>
  check(database.pool, { sent: acknowledged, acknowledged });

describe.skipIf(!onServer)(`the checker of the chaos run ${onServer ? '' : needsServer}`, () => {
  it('finds nothing when every promise was kept', async () => {
    const database = await freshDatabase();
    const worker = await runWorker(database, await realVision());
    await enrolAda(database);
    const acknowledged = await submitAll(database, [1, 2, 4]);
    worker.nudge();
    expect(await untilSettled(database.pool, 30_000)).toBeTypeOf('number');
    expect(await findingsOf(database, acknowledged)).toEqual([]);
  });

  it('fails when the fence is off and an event is handled twice', async () => {
    const database = await freshDatabase();
    const vision = await realVision();
    await runWorker(database, vision);
    await enrolAda(database);
    const acknowledged = await submitAll(database, [1]);
    await untilSettled(database.pool, 30_000);

    await database.rows('drop index watchpost.handling_done');
    // This constraint would refuse the second match, too.
    await database.rows('drop index watchpost.match_standing');
    await handleAgain(database, { database, vision });
    await untilMatchesAreInAlerts(database);
    const findings = await findingsOf(database, acknowledged);
    expect(countOf(findings, 'duplicated')).toBeGreaterThan(0);
    expect(findings.map((finding) => finding.name)).toEqual(
      expect.arrayContaining([
        'a task has done an event once',
        'one search for each embedding',
        'one match for each face, person and list',
      ]),
    );
  });

  it('fails when the rescue is off and a worker is killed in the middle of a batch', {
    timeout: 120_000,
  }, async () => {
    const database = await freshDatabase();
    await database.rows(
      `create or replace function watchpost.rescue(dead_after interval default '20 seconds') returns integer
       language sql return 0`,
    );
    const held = await holdPhotos(database);
    const doomed = await startWorkerProcess(database.url);
    const acknowledged = await submitAll(database, [1]);
    await untilClaimed(database);
    doomed.child.kill('SIGKILL');
    await held.release();
    await startWorkerProcess(database.url);
    // Another photo is done, so the new worker had every chance to do this one.
    await untilFinal(database, await submit(database, sample(2)));

    expect(await untilSettled(database.pool, 2_000)).toBeUndefined();
    const findings = await findingsOf(database, acknowledged);
    expect(countOf(findings, 'lost')).toBe(1);
    expect(findings.map((finding) => finding.name)).toEqual(
      expect.arrayContaining([
        'an acknowledged photo is done or failed',
        'every task of every event has come to an end',
        'nothing is claimed',
      ]),
    );
  });

  it('fails when an acknowledged photo is deleted', async () => {
    const database = await freshDatabase();
    await runWorker(database, await realVision());
    const acknowledged = await submitAll(database, [1, 2]);
    await untilSettled(database.pool, 30_000);
    await database.rows('delete from watchpost.image where id = $1', [acknowledged[0]?.id]);
    const findings = await findingsOf(database, acknowledged);
    expect(countOf(findings, 'lost')).toBe(1);
    expect(findings.map((finding) => finding.name)).toEqual(
      expect.arrayContaining(['an acknowledged photo is there, as it was sent', 'every event has its row']),
    );
  });

  it('fails when an acknowledged photo was replaced by another', async () => {
    const database = await freshDatabase();
    await runWorker(database, await realVision());
    const [acknowledged] = await submitAll(database, [1]);
    await untilSettled(database.pool, 30_000);
    const changed = { ...(acknowledged as Acknowledged), sha256: '0'.repeat(64) };
    expect(countOf(await findingsOf(database, [changed]), 'lost')).toBe(1);
  });
});

/** What a second delivery does without a fence: the stage's own work and writing, and one more handling. */
const handleAgain = async (database: TestDatabase, tools: Tools): Promise<void> => {
  const events = await database.rows(
    `select id as event_id, payload from watchpost.event where topic = 'face.embedded'`,
  );
  const items = events.map(({ event_id, payload }) => ({ event_id, ...payload }));
  const results = await match.work(items, tools);
  await database.db.transaction().execute(async (trx) => {
    for (const item of items) {
      await trx
        .insertInto('watchpost.handling')
        .values({
          event_id: item.event_id,
          task: 'match',
          outcome: 'done',
          attempt: 2,
          started_at: new Date(),
          duration_ms: 1,
        })
        .execute();
    }
    const finished = results.flatMap((result, index) =>
      result.status === 'fulfilled' ? [{ item: items[index], result: result.value }] : [],
    );
    await writeRows(trx, match, finished, tools);
  });
};

/** The other stages cannot write either without the index that their fence names: their jobs fail, and are left. */
const untilMatchesAreInAlerts = (database: TestDatabase): Promise<boolean> =>
  until(async () => {
    const rows = await database.rows('select from watchpost.match');
    return rows.length === 2;
  });
