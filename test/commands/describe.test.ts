import { beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { realVision, runWorker, submit, untilFinal } from '../support/pipeline.ts';
import { until } from '../support/until.ts';
import { watchpost as run } from './support.ts';

describe('describe by command', () => {
  let database: TestDatabase;
  let photo: string;
  const command = (...args: string[]) => run(args, { DATABASE_URL: database.url });
  const described = () =>
    database.rows('select d.id from watchpost.demography as d where d.superseded_at is null');

  beforeAll(async () => {
    database = await freshDatabase();
    await runWorker(database, await realVision());
    photo = await submit(database, sample(1));
    await untilFinal(database, photo);
    const gone = await submit(database, sample(2));
    await untilFinal(database, gone);
    await database.rows('update watchpost.image set bytes = null where id = $1', [gone]);
  });

  it('prints the accuracy of the estimates when it switches them on, and records the change', async () => {
    const { code, stdout } = await command('describe', 'on', '--note', 'a trial in the lobby');
    expect(code).toBe(0);
    expect(stdout).toMatch(/guesses/);
    expect(stdout).toMatch(/wrong by 4\.5 years/);
    expect(stdout).toMatch(/legal basis/);
    expect(stdout).toMatch(/on record/);
    const changes = await database.rows(
      `select payload ->> 'note' as note, payload -> 'new' -> 'enabled' as enabled
       from watchpost.event where topic = 'subscription.changed'`,
    );
    expect(changes).toEqual(Array(2).fill({ note: 'a trial in the lobby', enabled: true }));
    expect(await described(), 'faces from before').toEqual([]);
    expect((await command('doctor')).stdout).toMatch(/ok {4}describe +on/);
  });

  it('describes stored faces if asked to, and prints for how many the photo was dropped', async () => {
    const { code, stdout } = await command('describe', 'on', '--past');
    expect(code).toBe(0);
    expect(stdout).toMatch('It was on already');
    expect(stdout).toMatch('3 faces of the past will be described');
    expect(stdout).toMatch('3 cannot be');
    await until(async () => (await described()).length === 3);
    expect(await untilFinal(database, photo)).toMatchObject({ state: 'done' });
  });

  it('replays the stage like any other', async () => {
    const { stdout } = await command('replay', '--task', 'describe', '--all');
    expect(stdout).toMatch('replayed describe: 3 events, 0 changed, 0 gained, 0 lost');
  });

  it('switches them off, and keeps the stored estimates', async () => {
    const { code, stdout } = await command('describe', 'off');
    expect(code).toBe(0);
    expect(stdout).toMatch('not estimated any more');
    await database.rows(`select watchpost.switch_task('notify', false)`);
    const { stdout: checked } = await command('doctor');
    expect(checked).toMatch(/ok {4}describe +off/);
    expect(checked, 'another task that is off is named with who did it').toMatch(
      /ok {4}off +notify is given no alert\.raised since \S+ \S+ UTC by postgres/,
    );
    const id = await submit(database, sample(3));
    expect(await untilFinal(database, id)).toMatchObject({ state: 'done', faces: 3 });
    expect(await described()).toHaveLength(3);
  });

  it('refuses invalid arguments, and changes nothing', async () => {
    expect(await command('describe', 'off', '--past')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('--past goes with on'),
    });
    expect(await command('describe', 'perhaps')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Allowed choices are on, off'),
    });
    expect(
      await database.rows(`select task from watchpost.subscription where task = 'describe' and enabled`),
    ).toEqual([]);
  });
});
