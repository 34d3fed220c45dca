import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const addressOf = (module: string) => new URL(`../../src/vision/${module}.ts`, import.meta.url).href;

describe.skipIf(process.platform !== 'linux')(
  "the runtime's telemetry (on Linux, where it keeps an id)",
  () => {
    it.each([
      ['threads', 'loadVisionThreads'],
      ['index', 'loadVision'],
    ])('is off when the models are opened through %s', async (module, load) => {
      const home = await mkdtemp(join(tmpdir(), 'watchpost-home-'));
      // In CI the runtime sends nothing by default.
      const { CI: _, ORT_DISABLE_TELEMETRY: __, ...env } = process.env;
      const program = `import('${addressOf(module)}').then((vision) => vision.${load}()).then((opened) => opened.close())`;
      try {
        await promisify(execFile)(process.execPath, ['--eval', program], {
          env: { ...env, HOME: home, XDG_CACHE_HOME: '' },
        });
        expect(await readdir(home)).toEqual([]);
      } finally {
        await rm(home, { recursive: true });
      }
    });
  },
);
