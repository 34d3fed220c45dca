import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { Stopper } from '../../src/commands/stop.ts';
import { readConfig } from '../../src/config.ts';
import { makeCrowds } from '../../src/evaluation/crowd-photos.ts';
import { type CrowdFigures, evaluateCrowds } from '../../src/evaluation/crowds.ts';
import { iou } from '../../src/vision/index.ts';
import { realVision } from '../support/pipeline.ts';
import { startNode } from '../support/processes.ts';
import { emptyScene, folderOf, portrait } from './labelled.ts';

/** Milliseconds: models, and some thirty frames of 1280 x 960. */
const limit = 120_000;

describe('npm run eval -- crowds', () => {
  let folder: string;
  beforeAll(async () => {
    const vision = await realVision();
    folder = await folderOf({
      'ada/1.jpg': await portrait(vision, 3, 2),
      'ada/2.jpg': await portrait(vision, 1, 3),
      'bea/1.jpg': await portrait(vision, 5, 3),
      'cleo/1.jpg': await portrait(vision, 4, 1),
      'dora/1.jpg': await portrait(vision, 6, 1),
      'dora/2.jpg': await emptyScene(),
      '_strangers/one.jpg': await portrait(vision, 4, 4),
    });
  }, limit);

  const steps: unknown[][] = [];
  const measured = async (heights: number[]): Promise<CrowdFigures[]> => {
    const stopper = new Stopper();
    try {
      const frame = { width: 1280, height: 960 };
      return await evaluateCrowds(readConfig({}), stopper, [folder], {
        heights,
        frame,
        onProgress: (...step) => steps.push(step),
      });
    } finally {
      await stopper.stop();
    }
  };

  it(
    'finds large faces with any setting, small ones in finer passes, and nothing else',
    async () => {
      const figures = await measured([80, 24]);
      expect(steps, 'progress, in frames').toEqual(
        figures.map(({ height, range, frames }) => [`${height} px, ${range}`, frames, frames]),
      );
      const found = Object.fromEntries(
        figures.map(({ range, height, found }) => [`${range} ${height}`, found]),
      );
      for (const figure of figures) {
        // Each photo that holds one face, and nothing of the empty scene.
        expect(figure).toMatchObject({ faces: 6, frames: 1, false_faces: 0, recall: figure.found / 6 });
        expect(figure.cpu_ms).toBeGreaterThan(0);
        // 24 px are too few to alert.
        expect(figure.large_enough).toBe(figure.height === 80 ? 6 : 0);
      }
      expect(found).toMatchObject({ 'near 80': 6, 'automatic 80': 6, 'far 80': 6 });
      expect(found['near 24']).toBeLessThan(found['far 24']!);
      expect(found['far 24']).toBeGreaterThanOrEqual(5);
    },
    limit,
  );

  it('says what is wrong with its arguments, and with folders without a face to use', async () => {
    const run = async (...args: string[]) => {
      const running = startNode(['src/evaluation/main.ts', 'crowds', ...args]);
      return { code: await running.ended, output: running.output };
    };
    expect(await run(folder, '--heights', '51,tiny')).toMatchObject({
      code: 1,
      output: expect.stringContaining('Give whole numbers from 16 to 200'),
    });
    expect(await run(folder, '--frame', '1280')).toMatchObject({
      code: 1,
      output: expect.stringContaining('like 1920x1080'),
    });
    expect(await run(await folderOf({ 'ada/1.jpg': await emptyScene() }))).toMatchObject({
      code: 1,
      output: expect.stringMatching(/^No photo in .* holds exactly one face of 51 pixels or more\.\n/),
    });
  });
});

describe('a made-up crowd', () => {
  const frame = { width: 1280, height: 960 };
  const cuts = async () => {
    const image = await emptyScene();
    const large = await sharp(image).resize(1600, 1200).png().toBuffer();
    return Array.from({ length: 100 }, (_, index) =>
      index % 3 === 0
        ? { image: large, box: { x: 550, y: 350, width: 400, height: 500 } }
        : { image, box: { x: 110, y: 70, width: 80, height: 100 } },
    );
  };

  it('is the same for the same seed, and uses each face once', async () => {
    const [one, same, other] = await Promise.all([
      makeCrowds(await cuts(), 51, frame, [], 7),
      makeCrowds(await cuts(), 51, frame, [], 7),
      makeCrowds(await cuts(), 51, frame, [], 8),
    ]);
    expect(same).toEqual(one);
    expect(other.map(({ faces }) => faces)).not.toEqual(one.map(({ faces }) => faces));
    expect(one.flatMap(({ faces }) => faces)).toHaveLength(100);
  });

  it('has its faces inside the frame, of the height asked for, and apart', async () => {
    for (const { faces } of await makeCrowds(await cuts(), 31, frame)) {
      for (const [index, face] of faces.entries()) {
        expect(face.height).toBe(31);
        expect(face.x >= 0 && face.y >= 0 && face.x + face.width <= 1280 && face.y + 31 <= 960).toBe(true);
        for (const other of faces.slice(index + 1)) expect(iou(face, other)).toBe(0);
      }
    }
  });
});
