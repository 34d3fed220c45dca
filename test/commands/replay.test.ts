import { beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { enrolAda, realVision, runWorker, submit, untilFinal } from '../support/pipeline.ts';
import { watchpost as run } from './support.ts';

describe('replay, pause and resume by command', () => {
  let database: TestDatabase;
  const command = (...args: string[]) => run(args, { DATABASE_URL: database.url });

  beforeAll(async () => {
    database = await freshDatabase();
    const vision = await realVision();
    await runWorker(database, vision);
    await enrolAda(database);
    await untilFinal(database, await submit(database, sample(1)));
  });

  it('prints what would be gained and lost, and writes nothing', async () => {
    await database.rows('update watchpost.watchlist set threshold = 0.9');
    const { code, stdout, stderr } = await command(
      'replay',
      '--task',
      'match',
      '--all',
      '--dry-run',
      '--json',
    );
    expect(code).toBe(0);
    expect(stderr, 'progress, in lines where it is no terminal').toMatch(/^3 events, .* 1 lost\n$/);
    expect(JSON.parse(stdout)).toMatchObject({ dryRun: true, events: 3, changed: 1, gained: 0, lost: 1 });
    expect(await database.rows('select * from watchpost.match where superseded_at is not null')).toEqual([]);
  });

  it('replays, and the second time changes nothing', async () => {
    expect((await command('replay', '--task', 'match', '--all')).stdout).toMatch(
      '1 changed, 0 gained, 1 lost',
    );
    expect((await command('replay', '--task', 'match', '--all')).stdout).toMatch(
      '0 changed, 0 gained, 0 lost',
    );
  });

  it('asks for a task and for a selection', async () => {
    expect((await command('replay', '--all')).stderr).toMatch('--task detect');
    expect((await command('replay', '--task', 'match')).stderr).toMatch('--all for everything');
  });

  it('pauses a task for every worker, whose jobs wait, and resumes it', async () => {
    expect((await command('pause', 'embed')).stdout).toMatch('paused');
    expect(await database.rows('select task from watchpost.task_pause')).toEqual([{ task: 'embed' }]);
    // A worker notices it within a second; doctor shows it at once.
    const doctor = await command('doctor');
    expect(doctor.stdout).toMatch(/^ok {4}paused +embed since .* UTC by postgres/m);
    expect(doctor.stdout, 'what is intended is no failure').not.toMatch(/^FAIL +(?!vacuum)/m);
    expect((await command('resume', 'embed')).stdout).toMatch('at work again');
    expect(await untilFinal(database, await submit(database, sample(2)))).toMatchObject({ state: 'done' });
    expect((await command('pause', 'embd')).stderr).toMatch('There is no task embd');
  });
});

describe('the doctor', () => {
  it('names each violated invariant, with a remedy, and exits with 1', async () => {
    const database = await freshDatabase();
    const vision = await realVision();
    await runWorker(database, vision);
    const imageId = await submit(database, sample(1));
    await untilFinal(database, imageId);
    await database.rows(
      'delete from watchpost.embedding where face_id = (select id from watchpost.face where image_id = $1 limit 1)',
      [imageId],
    );
    const { code, stdout } = await run(['doctor'], { DATABASE_URL: database.url });
    expect(code).toBe(1);
    expect(stdout).toMatch(/FAIL {2}face_without_embedding/);
    expect(stdout).toMatch(`replay --task embed --image ${imageId}`);
  });
});
