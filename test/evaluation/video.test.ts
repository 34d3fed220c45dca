import { beforeAll, describe, expect, it } from 'vitest';
import { countFilm } from '../../src/evaluation/video/figures.ts';
import { boxAt, type Passage } from '../../src/evaluation/video/marks.ts';
import { match } from '../../src/stages/match.ts';
import type { Tools } from '../../src/stages/stage.ts';
import { track } from '../../src/stages/track.ts';
import { addWatchlist } from '../../src/watchlist/registry.ts';
import { watchpost } from '../commands/support.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { drainAll } from '../support/drain.ts';
import { addKnownPerson } from '../support/fabricate.ts';
import { filming } from '../support/frames.ts';
import { sample } from '../support/photos.ts';
import { realVision } from '../support/pipeline.ts';
import { folderOf } from './labelled.ts';

describe('a mark', () => {
  const passage: Passage = {
    ...{ name: null, from: 0, to: 2 },
    boxes: [
      [0.5, 0, 0, 10, 20],
      [1.5, 100, 50, 20, 40],
    ],
  };
  it.each([
    [0, { x: 0, y: 0, width: 10, height: 20 }],
    [0.5, { x: 0, y: 0, width: 10, height: 20 }],
    [1, { x: 50, y: 25, width: 15, height: 30 }],
    [2, { x: 100, y: 50, width: 20, height: 40 }],
  ])('at %s s is where the face is between two positions', (seconds, box) => {
    expect(boxAt(passage, seconds)).toEqual(box);
  });
});

describe('the figures of a film', () => {
  let database: TestDatabase;
  let tools: Tools & { database: TestDatabase };
  beforeAll(async () => {
    database = await freshDatabase();
    tools = { database, vision: await realVision() };
  });

  /** Somebody at a place for two seconds, as marked. */
  const at = (name: string | null, x: number): Passage => ({
    ...{ name, from: 0, to: 2 },
    boxes: [[0, x, 100, 100, 100]],
  });

  it('compare tracks and names with the marks', async () => {
    const film = await filming(database);
    const [ada, bob, somebody] = [film.vectors.any(), film.vectors.any(), film.vectors.any()];
    const list = await addWatchlist(database.db, { name: 'guests' });
    for (const [name, vector] of Object.entries({ Ada: ada, Bob: bob }))
      await addKnownPerson(database, { name, model: film.model, vector, watchlists: [list.id] });
    for (let n = 0; n < 20; n++) {
      await film.frame(
        n / 10,
        { vector: film.vectors.near(ada, 0.9), x: 100 },
        { vector: film.vectors.near(bob, 0.9), x: 500 },
        ...(n === 3 ? [{ vector: somebody, x: 900 }] : []),
      );
    }
    await drainAll([track, match], tools);
    const count = (passages: Passage[]) =>
      countFilm(database, {
        ...{ kind: 'film', camera: film.name, begins: film.time(0), frames: 20, passages },
        known: ['Ada', 'Bob'],
      });
    const right = await count([at('Ada', 100), at('Bob', 500)]);
    expect(right).toMatchObject({ faces: 41, tracks: 3, found: 2, whole: 2, of_two: 0, of_nobody: 1 });
    expect(right).toMatchObject({ namable: 2, named: 2, wrong_names: 0 });
    expect(right.searches).toBeLessThan(12);
    // Whoever is marked as somebody else was named wrong.
    const wrong = await count([at('Ada', 100), at('Ada', 500)]);
    expect(wrong).toMatchObject({ named: 1, wrong_names: 1, wrong: [{ person: 'Ada', named: 'Bob' }] });
    // As if one of them had left at half the time, and another one had come.
    const [first, second] = [
      { ...at('Ada', 100), to: 0.9 },
      { ...at('Eve', 100), from: 1.1 },
    ];
    expect(await count([first, second])).toMatchObject({ passages: 2, found: 2, of_two: 1 });
  });
});

describe('watchpost evaluate --video', () => {
  it('refuses a clip whose passages nobody has marked', async () => {
    const folder = await folderOf({ 'ada/1.jpg': sample(1), 'clip.mp4': 'no clip that was marked' });
    const ended = await watchpost(['evaluate', folder, '--video', `${folder}/clip.mp4`]);
    expect(ended.code).toBe(1);
    expect(ended.stderr).toMatch(/Nobody has marked the passages in .*clip\.mp4\.\nMarked are: .*\.mp4\./);
  });
});
