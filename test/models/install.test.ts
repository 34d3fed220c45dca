import { execFile } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { modelsDirectory, sha256 } from '../../models/files.ts';
import { installModels } from '../../models/install.ts';
import { ageGender, manifest } from '../../models/manifest.ts';
import { type Fixture, makeFixture, tarball } from './fixture.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await makeFixture();
  vi.stubEnv('npm_execpath', fixture.npm);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await fixture.remove();
});

const calls = async (): Promise<number> =>
  (await readFile(fixture.calls, 'utf8').catch(() => '')).split('\n').length - 1;

describe('installModels', () => {
  test('fetches the package once, and a second time not at all', async () => {
    const first = await installModels(fixture.directory, fixture.entries);
    expect(first).toMatchObject({ kept: [], written: ['one.onnx', 'two.onnx'] });
    expect(await readFile(join(fixture.directory, 'one.onnx'), 'utf8')).toBe('weights of the first model');
    expect(await calls()).toBe(1);
    const second = await installModels(fixture.directory, fixture.entries);
    expect(second).toMatchObject({ kept: ['one.onnx', 'two.onnx'], written: [] });
    expect(await calls()).toBe(1);
  });

  test('repairs a damaged file and leaves the others alone', async () => {
    await installModels(fixture.directory, fixture.entries);
    await writeFile(join(fixture.directory, 'two.onnx'), 'damaged');
    const repaired = await installModels(fixture.directory, fixture.entries);
    expect(repaired).toMatchObject({ kept: ['one.onnx'], written: ['two.onnx'] });
    expect(await readFile(join(fixture.directory, 'two.onnx'))).toEqual(Buffer.alloc(5000, 7));
  });

  test('may run several times at once', async () => {
    await Promise.all([1, 2, 3].map(() => installModels(fixture.directory, fixture.entries)));
    expect((await readdir(fixture.directory)).toSorted()).toEqual(['one.onnx', 'two.onnx']);
    expect((await installModels(fixture.directory, fixture.entries)).kept).toHaveLength(2);
  });

  test('installs nothing from a tarball with another digest', async () => {
    const tampered = await makeFixture(tarball({ 'package/one.bin': Buffer.from('evil') }));
    vi.stubEnv('npm_execpath', tampered.npm);
    await expect(installModels(tampered.directory, tampered.entries)).rejects.toThrow(
      /the tarball of fixture@1\.0\.0 has sha256 [0-9a-f]{64}, expected/,
    );
    expect(await readdir(tampered.directory)).toEqual([]);
    await tampered.remove();
  });

  test('installs nothing with another digest after the edits', async () => {
    const entries = fixture.entries.map((entry) => ({ ...entry, sha256: '0'.repeat(64) }));
    await expect(installModels(fixture.directory, entries)).rejects.toThrow('one.onnx after its graph edits');
    expect(await readdir(fixture.directory)).toEqual([]);
  });

  test('names a file that the tarball lacks', async () => {
    const entries = fixture.entries.map((entry) => ({
      ...entry,
      files: entry.files.map((file) => ({ ...file, path: 'package/none.bin' })),
    }));
    await expect(installModels(fixture.directory, entries)).rejects.toThrow('no package/none.bin');
  });

  test('converts a model of a dependency without npm, to the same bytes every time', async () => {
    const installed = await installModels(fixture.directory, [ageGender]);
    expect(installed).toMatchObject({ written: ['age-gender.onnx'] });
    expect(sha256(await readFile(join(fixture.directory, 'age-gender.onnx')))).toBe(ageGender.sha256);
    expect(await calls()).toBe(0);
  });

  test('installs nothing from a dependency with other files, or that is missing', async () => {
    const [first, ...rest] = ageGender.files;
    const tampered = { ...ageGender, files: [{ ...first!, sha256: '0'.repeat(64) }, ...rest] };
    await expect(installModels(fixture.directory, [tampered])).rejects.toThrow(
      /model\/age_gender_model-weights_manifest\.json of @vladmandic\/face-api has sha256/,
    );
    const gone = { ...ageGender, source: { ...ageGender.source, package: 'not-a-dependency' } };
    await expect(installModels(fixture.directory, [gone])).rejects.toThrow('run "npm install"');
    expect(await readdir(fixture.directory)).toEqual([]);
  });
});

describe('node models/install.ts', () => {
  const script = fileURLToPath(new URL('../../models/install.ts', import.meta.url));
  /** Runs it where no npm can be found. */
  const run = (directory: string) =>
    promisify(execFile)(process.execPath, [script], {
      env: { WATCHPOST_MODELS: directory, PATH: '', npm_execpath: '/nonexistent/npm-cli.js' },
    });

  test('needs no npm and prints one line when all is installed', async () => {
    const { stdout, stderr } = await run(modelsDirectory());
    expect(stdout).toBe(`${manifest.length} models already installed in ${modelsDirectory()}\n`);
    expect(stderr).toBe('');
  });

  test('says what to do when npm cannot fetch', async () => {
    const failure = await run(fixture.directory).catch((error) => error);
    expect(failure.code).toBe(1);
    expect(failure.stderr).toContain('Could not fetch the models from faceplugin-face-recognition-js@0.0.1');
    expect(failure.stderr).toContain('run `npm run models` again');
    expect(failure.stderr).toContain('WATCHPOST_MODELS');
  });
});
