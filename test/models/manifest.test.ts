import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { modelsDirectory } from '../../models/files.ts';
import { manifest } from '../../models/manifest.ts';
import { loadVision } from '../../src/vision/index.ts';

describe('the manifest', () => {
  test('lists every model, file and digest once, with its origin', () => {
    for (const key of ['id', 'file', 'sha256'] as const) {
      expect(new Set(manifest.map((entry) => entry[key])).size).toBe(manifest.length);
    }
    for (const entry of manifest) {
      expect(entry.sha256).toMatch(/^[0-9a-f]{64}$/);
      for (const { sha256 } of entry.files) expect(sha256).toMatch(/^[0-9a-f]{64}$/);
      expect(entry.licence && entry.provenance).toBeTruthy();
      if (entry.embedder) expect(entry.embedder.id).toBe(entry.id);
    }
  });
});

describe('weights other than those of the manifest', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'watchpost-weights-'));
    await cp(modelsDirectory(), folder, { recursive: true });
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  // The describer is opened when it is needed: test/vision/describe.test.ts.
  test.each(manifest.filter((entry) => entry.role !== 'describer').map((entry) => entry.file))(
    'are refused when one byte of %s is another',
    async (file) => {
      const bytes = await readFile(join(folder, file));
      bytes[bytes.length >> 1]! ^= 1;
      await writeFile(join(folder, file), bytes);
      await expect(loadVision({ modelsDirectory: folder })).rejects.toMatchObject({
        name: 'VisionError',
        code: 'model_hash_mismatch',
        message: expect.stringContaining('npm run models'),
      });
    },
  );

  test('are reported as missing without a file', async () => {
    await rm(join(folder, manifest[0]!.file));
    await expect(loadVision({ modelsDirectory: folder })).rejects.toMatchObject({
      code: 'model_missing',
      message: expect.stringContaining('npm run models'),
    });
  });
});
