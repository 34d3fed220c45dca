import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { sha256 } from '../../models/files.ts';
import type { InstallableModel } from '../../models/install.ts';

/** A tarball as npm makes them, of the given files. */
export const tarball = (files: Record<string, Uint8Array>): Buffer => {
  const parts = Object.entries(files).flatMap(([name, bytes]) => {
    const header = Buffer.alloc(512);
    header.write(name, 0, 'latin1');
    header.write(`${bytes.length.toString(8).padStart(11, '0')} `, 124, 'latin1');
    header.write('ustar\x0000', 257, 'latin1');
    return [header, bytes, Buffer.alloc(-bytes.length & 511)];
  });
  return gzipSync(Buffer.concat([...parts, Buffer.alloc(1024)]));
};

/** Two models of one package and an npm that serves it, in a temporary folder. */
export interface Fixture {
  entries: InstallableModel[];
  /** Put into npm_execpath. It appends a line to `calls` each time it runs. */
  npm: string;
  calls: string;
  directory: string;
  remove(): Promise<void>;
}

/** `served` replaces the honest tarball, as a tampered registry would. */
export const makeFixture = async (served?: Uint8Array): Promise<Fixture> => {
  const root = await mkdtemp(join(tmpdir(), 'watchpost-fixture-'));
  const one = Buffer.from('weights of the first model');
  const two = Buffer.alloc(5000, 7);
  const honest = tarball({
    'package/package.json': Buffer.from('{}'),
    'package/one.bin': one,
    'package/two.bin': two,
  });
  const source = { package: 'fixture', version: '1.0.0', tarballSha256: sha256(honest), licence: 'MIT' };
  const entry = (name: string, bytes: Uint8Array): InstallableModel => ({
    file: `${name}.onnx`,
    source,
    files: [{ path: `package/${name}.bin`, sha256: sha256(bytes) }],
    edits: [],
    sha256: sha256(bytes),
  });
  const npm = join(root, 'npm-cli.js');
  const calls = join(root, 'calls');
  const archive = join(root, 'served');
  await writeFile(archive, served ?? honest);
  await writeFile(
    npm,
    `const fs = require('node:fs');
     fs.appendFileSync(${JSON.stringify(calls)}, process.argv.slice(2).join(' ') + '\\n');
     const to = process.argv[process.argv.indexOf('--pack-destination') + 1];
     fs.copyFileSync(${JSON.stringify(archive)}, to + '/fixture-1.0.0.tgz');`,
  );
  await mkdir(join(root, 'installed'));
  return {
    entries: [entry('one', one), entry('two', two)],
    npm,
    calls,
    directory: join(root, 'installed'),
    remove: () => rm(root, { recursive: true, force: true }),
  };
};
