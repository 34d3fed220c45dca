import { describe, expect, it } from 'vitest';
import { paceOf, StartProgress } from '../../src/commands/program/progress.ts';

const shown = (isTTY: boolean): string => {
  const parts: string[] = [];
  const progress = new StartProgress({ isTTY, write: (text) => parts.push(text) });
  progress.begin('applying the schema', 'a few seconds');
  progress.begin('loading the models', 'a second');
  progress.end();
  progress.end();
  return parts.join('');
};

describe('the progress of a start', () => {
  it('is a line that counts the seconds of a step, and one that stays, on a terminal', () => {
    const figures = shown(true).replaceAll(/\d+\.\d/g, '0.0');
    expect(figures.replaceAll('\x1b[K', '')).toBe(
      '\rapplying the schema … 0.0 s (a few seconds)\rapplying the schema: 0.0 s\n' +
        '\rloading the models … 0.0 s (a second)\rloading the models: 0.0 s\n',
    );
  });

  it('is one plain line for each step elsewhere', () => {
    expect(shown(false)).toBe('applying the schema (a few seconds) …\nloading the models (a second) …\n');
  });
});

describe('the pace of long work', () => {
  it.each([
    [10, 100, 1_000, ''],
    [0, 100, 10_000, ''],
    [10, 100, 10_000, ', 1/s, 1 min 30 s left'],
    [2_500, 10_000, 10_000, ', 250/s, 30 s left'],
    [1, 10_000, 2_500, ', 0.4/s, 6 h 56 min left'],
    [100, 100, 8_000, ', 13/s'],
  ])('%i of %i after %i ms: %j', (done, total, elapsed, words) => {
    expect(paceOf(done, total, elapsed)).toBe(words);
  });
});
