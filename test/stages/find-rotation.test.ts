import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RotationFinder } from '../../src/stages/find-rotation.ts';
import type { Rotation } from '../../src/vision/index.ts';

/** What the models see of a frame: by the direction in which it is upright, so many usable faces. */
type Seen = Partial<Record<Rotation, number>>;

let now = 0;
let looks = 0;
const frame = (seen: Seen) => Buffer.from(JSON.stringify(seen));

/** Models that see what the frame says. */
const vision = {
  embedder: { minimalNorm: 10 },
  async findFaces(bytes: Uint8Array, _range: string, rotation: Rotation) {
    looks += 1;
    const seen = JSON.parse(String(bytes)) as Seen;
    const face = { gate: [], quality: { roll: 0 }, crop: Buffer.from('12') };
    return { faces: Array.from({ length: seen[rotation] ?? 0 }, () => face) };
  },
  embed: async (crops: readonly Uint8Array[]) => crops.map((crop) => ({ norm: Number(Buffer.from(crop)) })),
} as never;

describe('the rotation of a camera', () => {
  let finder: RotationFinder;
  beforeEach(() => {
    now = 1_000_000;
    looks = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => now);
    finder = new RotationFinder(vision);
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });

  /** Looks at frames, a minute apart; gives what each of them has decided. */
  const see = async (...frames: Seen[]) => {
    const decided = [];
    for (const seen of frames) {
      now += 60_000;
      decided.push(await finder.look('hall', frame(seen)));
    }
    return decided;
  };

  it('is what three looks agree on', async () => {
    expect(await see({ 90: 1 }, { 90: 2, 0: 1 }, { 90: 1 })).toEqual([undefined, undefined, 90]);
  });

  it('needs two more looks than any other direction has', async () => {
    expect(await see({ 90: 1 }, { 180: 1 }, { 90: 1 }, { 180: 1 }, { 90: 1 }, { 90: 1 })).toEqual([
      ...[undefined, undefined, undefined, undefined, undefined],
      90,
    ]);
  });

  it('is not decided by frames of nobody, nor by those that are as good in two directions', async () => {
    expect(await see({}, { 0: 1, 180: 1 }, {}, { 90: 2, 270: 2 }, {})).toEqual(Array(5).fill(undefined));
  });

  it('is found out anew if it is not known again', async () => {
    await see({ 90: 1 }, { 90: 1 }, { 90: 1 });
    expect(await see({ 270: 1 }, { 270: 1 }, { 270: 1 })).toEqual([undefined, undefined, 270]);
  });

  it('is looked for once a second, ever more rarely while nobody is seen, and in one frame at a time', async () => {
    const lookAfter = async (ms: number, seen: Seen = {}) => {
      now += ms;
      looks = 0;
      await finder.look('hall', frame(seen));
      return looks > 0;
    };
    expect(await lookAfter(0, { 0: 1 })).toBe(true);
    expect(await lookAfter(900)).toBe(false);
    expect(await lookAfter(100)).toBe(true);
    expect(await lookAfter(1_900)).toBe(false);
    expect(await lookAfter(100)).toBe(true);
    for (let at = 0; at < 5; at++) await lookAfter(30_000);
    expect(await lookAfter(29_900)).toBe(false);
    expect(await lookAfter(100, { 0: 1 })).toBe(true);
    expect(await lookAfter(1_000)).toBe(true);

    looks = 0;
    now += 60_000;
    await Promise.all([frame({ 0: 1 }), frame({ 0: 1 })].map((bytes) => finder.look('hall', bytes)));
    expect(looks).toBe(4);
  });
});
