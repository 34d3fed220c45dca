import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { raiseAlert } from '../support/alerts.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { addReference } from '../support/fabricate.ts';
import { temporaryFolder, watchpost } from './support.ts';

let database: TestDatabase;
let picture: string;

beforeAll(async () => {
  database = await freshDatabase();
  picture = join(await temporaryFolder(), 'floor.png');
  const sheet = sharp({ create: { width: 30, height: 20, channels: 3, background: '#ffffff' } });
  await writeFile(picture, await sheet.png().toBuffer());
  await run('camera', 'add', 'gate', '--location', 'Gate', '--zone', 'outside');
  await run('camera', 'add', 'hall', '--location', 'Hall');
});

const run = (...args: string[]) => watchpost(args, { DATABASE_URL: database.url });

describe('plan', () => {
  it('adds a picture, on which cameras are placed', async () => {
    expect(await run('plan', 'add', 'ground floor', picture)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^ground floor {2}[0-9a-f-]{36} {2}30 × 20\n$/),
    });
    const placed = await run('camera', 'set', 'gate', '--plan', 'ground floor', '--at', '0.3,1');
    expect(placed.code).toBe(0);
    expect((await run('plan', 'list')).stdout).toMatch(/^ground floor +30 × 20 +gate /m);
    const [camera] = JSON.parse((await run('camera', 'list', '--json')).stdout);
    expect(camera).toMatchObject({ name: 'gate', plan: { x: 0.3, y: 1 } });
    expect((await run('camera', 'set', 'gate', '--no-plan')).code).toBe(0);
    expect((await run('plan', 'list')).stdout).not.toMatch('gate');
  });

  it('says what is wrong, and does nothing', async () => {
    const refused = async (...args: string[]) => {
      const { code, stderr } = await run(...args);
      expect(code).toBe(1);
      return stderr;
    };
    expect(await refused('camera', 'set', 'gate', '--plan', 'ground floor')).toContain(
      '--plan and --at together',
    );
    expect(await refused('camera', 'set', 'gate', '--at', '0.3,0.3')).toContain('--plan and --at together');
    expect(await refused('camera', 'set', 'gate', '--plan', 'roof', '--at', '0,0')).toMatch(
      /There is no plan "roof".*\s*Plans: ground floor/,
    );
    expect(await refused('camera', 'set', 'gate', '--plan', 'ground floor', '--at', '3,0')).toContain(
      'like 0.3,0.7',
    );
    expect(await refused('plan', 'add', 'not one', import.meta.filename)).toContain('not a JPEG');
    expect(await database.rows('select plan_id from watchpost.camera where name = $1', ['gate'])).toEqual([
      { plan_id: null },
    ]);
  });

  it('removes one', async () => {
    expect((await run('plan', 'remove', 'ground floor')).stdout).toBe('ground floor is removed\n');
    expect((await run('plan', 'list')).stdout).toBe('no plans\n');
  });
});

describe('watchlist', () => {
  const stored = async () =>
    (
      await database.rows(
        `select w.color, w.sound, w.must_acknowledge, w.zones,
           array(select c.name from watchpost.camera as c where c.id = any (w.cameras)) as cameras
         from watchpost.watchlist as w where w.name = 'wanted'`,
      )
    )[0];

  it('has a color, a sound, and the cameras and zones that it is for', async () => {
    await run(
      ...['watchlist', 'add', 'wanted', '--color', '#D4201A', '--sound', 'bell', '--must-acknowledge'],
      ...['--camera', 'hall', '--zone', 'outside'],
    );
    expect(await stored()).toEqual({
      ...{ color: '#d4201a', sound: 'bell', must_acknowledge: true, cameras: ['hall'], zones: ['outside'] },
    });
    await run('watchlist', 'set', 'wanted', '--no-color', '--no-must-acknowledge', '--everywhere');
    expect(await stored()).toEqual({
      ...{ color: null, sound: 'bell', must_acknowledge: false, cameras: [], zones: null },
    });
  });

  it('names the zones that there are', async () => {
    const { code, stderr } = await run('watchlist', 'set', 'wanted', '--zone', 'outsied');
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining('Zones: outside.') });
    const both = await run('watchlist', 'set', 'wanted', '--everywhere', '--camera', 'hall');
    expect(both.stderr).toContain('for all cameras or for some');
  });
});

describe('alert show', () => {
  it('says how often a stranger is as alike, once that was measured', async () => {
    const { alertId, personId } = await raiseAlert(database);
    expect((await run('alert', 'show', alertId)).stdout).not.toContain('strangers');
    await database.rows(
      `with head as (
         insert into watchpost.calibration (model_id, source, people, photos, probes, strangers, command, created_by)
         values ('alerts-model', 'fabricated', 1, 1, 0, 100, 'none', 'a test')
         returning id
       )
       insert into watchpost.calibration_point (calibration_id, threshold, false_positives, hits, wrong_names, fpir)
       select id, 0, 2, 0, 0, 0.02 from head`,
    );
    await addReference(database, { personId, model: 'alerts-model', vector: [1, 0, 0, 0] });
    expect((await run('alert', 'show', alertId)).stdout).toContain('\nas alike as this: 1 in 50 strangers\n');
  });
});
