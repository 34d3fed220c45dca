import { chmod, mkdir, rm } from 'node:fs/promises';
import { runCameras } from './cameras.ts';
import { runFailover } from './failover.ts';
import type { Form } from './failover-report.ts';
import { runFaults } from './harm.ts';
import { openAlbum } from './install.ts';
import { help, type Options, readOptions } from './options.ts';
import { print } from './progress.ts';

/** The failovers of a run: the one in which nothing may be lost takes less than a minute, and is part of the short run. */
const formsOf = ({ only, short, url }: Options): Form[] => {
  if ((only ?? 'failover') !== 'failover' || url) return [];
  return short && only === undefined ? ['clean'] : ['clean', 'lagging'];
};

const run = async (options: Options): Promise<boolean> => {
  await mkdir(options.folder, { recursive: true });
  // Postgres runs as another user and must get through to its folder.
  await chmod(options.folder, 0o755);
  print(`seed ${options.seed}; ledger and logs in ${options.folder}`);
  const album = await openAlbum();
  const faults = (options.only ?? 'faults') === 'faults' ? await runFaults(options, album) : undefined;
  const failovers = [];
  for (const form of formsOf(options)) failovers.push(await runFailover(form, options, album));
  const withCameras = (options.only ?? 'cameras') === 'cameras' && !options.url;
  const cameras = withCameras ? await runCameras(options, album) : undefined;
  const passed =
    (faults?.passed ?? true) && failovers.every((failover) => failover.passed) && (cameras?.passed ?? true);
  const result = { ...faults, failovers, cameras, seed: options.seed, passed };
  process.stdout.write(options.json ? `${JSON.stringify(result)}\n` : `${JSON.stringify(result, null, 2)}\n`);
  return passed;
};

const options = readOptions(process.argv.slice(2));
if (options === 'help') {
  process.stdout.write(help);
} else {
  const passed = await run(options);
  if (passed && !options.keep) await rm(options.folder, { recursive: true, force: true });
  process.exit(passed ? 0 : 1);
}
