import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { spawnWatchpost, watchpost } from './support.ts';

const suggested = async (...words: string[]) => {
  const { code, stdout } = await watchpost(['complete', '--', ...words]);
  expect(code).toBe(0);
  const lines = stdout.trimEnd().split('\n');
  return { values: lines.slice(0, -1).map((line) => line.split('\t')[0]), directive: lines.at(-1) };
};

describe('completion', () => {
  it.each([
    [['came'], ['camera']],
    [['camera', 're'], ['remove']],
    [['alert', 'list', '--st'], ['--state']],
    [
      ['alert', 'list', '--state', ''],
      ['open', 'acknowledged', 'confirmed', 'dismissed'],
    ],
    [['completion', 'b'], ['bash']],
    [
      ['describe', ''],
      ['on', 'off'],
    ],
  ])('of %j is %j, and no files', async (words, values) => {
    expect(await suggested(...words)).toEqual({ values, directive: ':4' });
  });

  it.each([[['submit', 'fra']], [['person', 'add', 'Ada', '--photo', '']]])(
    'of %j is files',
    async (words) => {
      expect(await suggested(...words)).toEqual({ values: [], directive: ':0' });
    },
  );

  it('has every command', async () => {
    const { values } = await suggested('');
    expect(values).toEqual(expect.arrayContaining(['up', 'tail', 'watch', 'completion', 'help']));
    expect(values).not.toContain('complete');
  });

  it.each(['bash', 'zsh', 'fish'])('is a script that %s can read', async (shell) => {
    const { code, stdout, stderr } = await spawnWatchpost(['completion', shell]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('watchpost complete -- ');
    // The others are rarely installed.
    if (shell === 'bash') execFileSync('bash', ['-n'], { input: stdout });
  });
});
