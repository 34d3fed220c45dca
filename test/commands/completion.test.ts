import { execFileSync, spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { spawnWatchpost, temporaryFolder, watchpost } from './support.ts';

/** Whether a program can be started here. */
const has = (program: string): boolean => spawnSync(program, ['--version']).error === undefined;

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
    if (has(shell)) execFileSync(shell, ['-n'], { input: stdout, stdio: 'pipe' });
  });

  it.skipIf(!has('fish'))('is what fish offers for the words so far (needs fish)', async () => {
    const folder = await temporaryFolder();
    const program = fileURLToPath(new URL('../../src/watchpost.mjs', import.meta.url));
    const [script, called] = [join(folder, 'watchpost.fish'), join(folder, 'watchpost')];
    await writeFile(script, (await spawnWatchpost(['completion', 'fish'])).stdout);
    await writeFile(called, `#!/bin/sh\nexec "${process.execPath}" "${program}" "$@"\n`, { mode: 0o755 });
    const offered = execFileSync(
      'fish',
      ['--no-config', '-c', `source ${script}; complete -C "watchpost alert list --state "`],
      { env: { ...process.env, HOME: folder, PATH: `${folder}:${process.env.PATH}` }, encoding: 'utf8' },
    );
    expect(offered.trim().split('\n').toSorted()).toEqual(['acknowledged', 'confirmed', 'dismissed', 'open']);
  });
});
