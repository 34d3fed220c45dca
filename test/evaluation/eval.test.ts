import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { readConfig, visionOptions } from '../../src/config.ts';
import { openDatabase } from '../../src/database/pool.ts';
import { type Evaluation, evaluate } from '../../src/evaluation/evaluate.ts';
import { openLog } from '../../src/log.ts';
import { Stopper } from '../../src/stopper.ts';
import { loadVision } from '../../src/vision/index.ts';
import { temporaryFolder } from '../commands/support.ts';
import { sample } from '../support/photos.ts';
import { realVision } from '../support/pipeline.ts';
import { evaluationFolder } from '../vision/support.ts';
import { emptyScene, folderOf, portrait } from './labelled.ts';

/** Milliseconds: a round takes its own database, models and worker, and up to 67 photos. */
const limit = 300_000;

const log = openLog('silent');
const source = inject('testSource');
const config = readConfig({
  ...(source.kind === 'server' ? { DATABASE_URL: source.url } : {}),
  WATCHPOST_CONCURRENCY: '2',
});

/** Evaluates, and reads something from the database before it goes. */
const run = async <Rows>(
  folder: string,
  statement = 'select',
  rounds = 1,
): Promise<{ found: Evaluation; rows: Rows[]; url: string }> => {
  const stopper = new Stopper();
  let rows: Rows[] = [];
  let url = '';
  try {
    const vision = await loadVision(visionOptions(config));
    stopper.add(() => vision.close());
    const found = await evaluate({ config, log, stopper, vision }, folder, {
      rounds,
      keep: false,
      onProgress: () => {},
      onDatabase: async (database) => {
        url = database.url;
        rows = (await database.pool.query(statement)).rows;
      },
    });
    return { found, rows, url };
  } finally {
    await stopper.stop();
  }
};

describe('evaluate, on a folder whose labels are partly wrong', () => {
  let folder: string;
  let result: Awaited<ReturnType<typeof run<{ file: number; person: string }>>>;

  // The woman in the middle of sample 3 is the one on the right of sample 1.
  beforeAll(async () => {
    const vision = await realVision();
    const ada = await portrait(vision, 3, 2);
    folder = await folderOf({
      'ada/1.jpg': ada,
      'ada/2.jpg': await portrait(vision, 1, 3),
      // Enrolled as herself, and then Ada is held out under her name.
      'bea/1.jpg': await portrait(vision, 5, 3),
      'bea/2.jpg': await portrait(vision, 3, 2, { flop: true }),
      'cleo/1.jpg': await portrait(vision, 4, 1),
      'cleo/2.jpg': await emptyScene(),
      'dora/1.jpg': await portrait(vision, 6, 1),
      'notes.txt': 'not a person',
      'ada/notes.txt': 'not a photo',
      '_strangers/one.jpg': await portrait(vision, 4, 4),
      '_strangers/elsewhere/ada.jpg': await portrait(vision, 1, 3, { flop: true }),
      '_groups/with-ada.jpg': sample(1),
      '_groups/without-her.jpg': sample(3),
      '_groups/unknown.jpg': sample(2),
      '_groups/groups.csv':
        'file,faces,people\nwith-ada.jpg,5,ada bea\nwithout-her.jpg,3,bea\nunknown.jpg,3,\n',
    });
    result = await run(
      folder,
      `select p.name as person, count(*)::int as alerted
       from watchpost.alert_match as am
       join watchpost.alert as a on a.id = am.alert_id
       join watchpost.person as p on p.id = a.person_id
       group by 1 order by 1`,
    );
  }, limit);

  it('counts hits, wrong names, strangers and faces that were missed', () => {
    expect(result.found).toMatchObject({
      people: 3,
      probes: 3,
      findable: 2,
      hits: 1,
      hit_rate: 0.5,
      // Ada as Bea's held-out photo, and Ada in the group photo that is said to have Bea only.
      wrong_names: 2,
      strangers: 3,
      stranger_alerts: 1,
      // The empty scene, and two faces of sample 1 that do not exist.
      faces_missed: 3,
      groups: 3,
      group_people: 3,
      group_hits: 1,
      enrolment_photos: 3,
      enrolled_photos: 3,
      refusals: [],
    });
  });

  it('counts the same as the rows', () => {
    const { hits, wrong_names, stranger_alerts, group_hits, group_alerts_unjudged } = result.found;
    expect(result.rows).toEqual([
      { person: 'ada', alerted: hits + wrong_names + stranger_alerts + group_hits + group_alerts_unjudged },
    ]);
  });

  it('names each wrong alert', () => {
    expect(result.found.wrong).toEqual([
      { file: 'bea/2.jpg', person: 'bea', named: 'ada', similarity: expect.any(Number), face: 1 },
      {
        file: '_strangers/elsewhere/ada.jpg',
        person: null,
        named: 'ada',
        similarity: expect.any(Number),
        face: 1,
      },
      {
        file: '_groups/without-her.jpg',
        person: null,
        named: 'ada',
        similarity: expect.any(Number),
        face: 2,
      },
    ]);
    expect(result.found.wrong.filter((one) => (one.similarity ?? 0) < result.found.threshold)).toEqual([]);
  });

  it('explains each miss by the recorded reasons', () => {
    expect(result.found.misses).toMatchObject([
      {
        file: 'bea/2.jpg',
        person: 'bea',
        why: 'more similar to another person',
        nearest: 'ada',
        outcome: 'match',
        gate: [],
        size: expect.any(Number),
        sharpness: expect.any(Number),
        yaw: expect.any(Number),
        norm: expect.any(Number),
      },
      { file: 'cleo/2.jpg', person: 'cleo', why: 'no face found', similarity: null, size: null },
      { file: '_groups/with-ada.jpg', person: 'bea' },
      { file: '_groups/without-her.jpg', person: 'bea' },
    ]);
    const [taken] = result.found.misses;
    expect(taken?.nearest_similarity).toBeGreaterThan(taken?.similarity ?? 1);
  });

  it('leaves no database', async () => {
    const gone = openDatabase(result.url, { log });
    await expect(gone.pool.query('select')).rejects.toThrow();
    await gone.close();
  });

  it(
    'holds out each photo once, if asked to',
    async () => {
      const { found } = await run(folder, 'select', Number.POSITIVE_INFINITY);
      expect(found).toMatchObject({ rounds: 2, people: 3, probes: 6, enrolment_photos: 6, strangers: 6 });
      // The empty scene cannot enrol Cleo.
      expect(found.refusals).toContainEqual(
        expect.objectContaining({ file: 'cleo/2.jpg', person: 'cleo', code: 'face_missing' }),
      );
      expect(found.misses).toContainEqual(
        expect.objectContaining({ file: 'cleo/1.jpg', why: 'no photo of them was enrolled' }),
      );
    },
    limit,
  );
});

describe.skipIf(!evaluationFolder)('on labelled photos (skipped where ../shared/eval is not at hand)', () => {
  it(
    'names at least nine of ten findable faces of wild photos, and none wrongly',
    async () => {
      const { found } = await run(join(evaluationFolder!, 'photos'));
      expect(found).toMatchObject({
        people: 7,
        probes: 7,
        wrong_names: 0,
        stranger_alerts: 0,
        faces_missed: 0,
        group_alerts_unjudged: 0,
        group_faces: 42,
        group_hits: 4,
      });
      expect(found.hit_rate).toBeGreaterThanOrEqual(0.9);
    },
    limit,
  );

  it(
    'does so on portraits of people who look alike, small ones among them',
    async () => {
      const folder = await temporaryFolder();
      for (const person of ['s01', 's02', 's05', 's34', 's40'])
        await cp(join(evaluationFolder!, 'orl', person), join(folder, person), { recursive: true });
      const { found } = await run(folder);
      expect(found).toMatchObject({ people: 5, probes: 5, wrong_names: 0, faces_missed: 0 });
      expect(found.hit_rate).toBeGreaterThanOrEqual(0.9);
      expect(found.misses.map(({ file, gate }) => ({ file, gate }))).toEqual([
        { file: 's02/10.png', gate: ['small'] },
      ]);
    },
    limit,
  );
});
