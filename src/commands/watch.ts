import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { watch as watchFiles } from 'chokidar';
import { CommandError } from '../errors.ts';
import { isLitter, isPhotoFile, Journal, photosBelow } from '../intake/index.ts';
import { apiOption } from './program/api.ts';
import { explain } from './program/explain.ts';
import { print, printJson } from './program/io.ts';
import { duration, frameRate, momentOption, searched } from './program/options.ts';
import type { AddCommand, Context } from './program/session.ts';
import { byApi, byDatabase } from './submit-ways.ts';
import { FolderIntake, isPassing, type Outcome } from './watch-intake.ts';
import type { SourceOptions } from './watch-source.ts';

interface WatchOptions extends SourceOptions {
  readonly cameraFromFolder?: boolean;
  readonly moveTo?: string;
  readonly refusedTo?: string;
  readonly settle: number;
  readonly giveUp: number;
  readonly poll?: boolean;
  readonly once?: boolean;
}

/** watch: the photos that appear in a folder. */
export const watchCommand: AddCommand = (program, session) =>
  program
    .command('watch')
    .description(
      'Submit the frames of a stream or a video, or the photos in a folder and those that appear in it, each once',
    )
    .argument(
      '<source>',
      'a folder, with its subfolders; a video file; a URL with rtsp, http, https, s3 or mqtt; a device like /dev/video0',
    )
    .option('--camera <name>', 'the camera that took them', searched)
    .option(
      '--fps <number>',
      'frames of a stream or video that are taken a second (default: as set of the camera, or 1)',
      frameRate,
    )
    .option(
      '--begins <time>',
      'when the recording of a video file began (default: its length before its end)',
      momentOption,
    )
    .option('--camera-from-folder', 'the first subfolder is named like the camera')
    .option('--move-to <folder>', 'move each file there once it is submitted (default: it stays)')
    .option(
      '--refused-to <folder>',
      'move files there that are no photos, or are refused (default: they stay)',
    )
    .option('--settle <time>', 'a file is read when it has not changed for so long', duration, 2)
    .option(
      '--give-up <time>',
      'a file that is cut off is submitted when it has not changed for so long',
      duration,
      60,
    )
    .option('--poll', 'look for changes every second, for network shares that do not report them')
    .option('--once', 'submit what is there and end; files that are still written are left for the next time')
    .addOption(apiOption)
    .option('--json', 'print JSON lines')
    .addHelpText(
      'after',
      `
  What was submitted is kept in WATCHPOST_DATA/watch, so that after a restart only new files are. The time of a photo is that at
  which its file was last changed. While the database or the API is away, files wait.

  Examples:
    $ watchpost watch rtsp://user:password@camera.example/stream --camera north-gate --fps 2
    $ watchpost watch recording.mp4 --camera north-gate --fps 5
    $ watchpost watch /srv/ftp --camera-from-folder
    $ watchpost watch incoming --camera north-gate --move-to submitted --refused-to refused`,
    )
    .action(session.action(watchGiven));

const watchGiven = async (context: Context, given: string, options: WatchOptions): Promise<boolean> => {
  // Loaded here only: it brings what decodes pictures, which a folder does without.
  const watchSource = async (source: string) =>
    (await import('./watch-source.ts')).watchSource(context, source, options);
  if (/^[a-z0-9]+:\/\//i.test(given) || given.startsWith('/dev/video')) return watchSource(given);
  const found = await stat(given).catch(() => undefined);
  if (found?.isFile()) return watchSource(resolve(given));
  return watchFolder(context, given, options);
};

const watchFolder = async (context: Context, given: string, options: WatchOptions): Promise<boolean> => {
  const { config, stopper } = context;
  const folder = resolve(given);
  if (!(await stat(folder).catch(() => undefined))?.isDirectory())
    throw new CommandError(`${given} is no folder, video or URL: give one that exists.`);
  const targets = [options.moveTo, options.refusedTo]
    .flatMap((path) => path ?? [])
    .map((path) => resolve(path));
  if (options.camera !== undefined && options.cameraFromFolder)
    throw new CommandError('--camera and --camera-from-folder: give one of them.');
  const way =
    options.api === undefined ? await byDatabase(context, options) : byApi(context, options.api, options);
  const journal = await Journal.open(journalOf(config.dataDir, folder), (line) =>
    FolderIntake.isCurrent(folder, line),
  );
  stopper.add(() => journal.close());
  const intake = new FolderIntake({
    folder,
    journal,
    way,
    maxPixels: config.maxPixels,
    cameraFromFolder: options.cameraFromFolder ?? false,
    moveTo: options.moveTo ? resolve(options.moveTo) : undefined,
    refusedTo: options.refusedTo ? resolve(options.refusedTo) : undefined,
    giveUpMs: options.giveUp * 1000,
  });

  const isOurs = (path: string): boolean =>
    !targets.some((target) => path === target || path.startsWith(`${target}/`));
  let refused = 0;
  const submit = async (path: string): Promise<Outcome | undefined> => {
    const outcome = await untilReachable(context, () => intake.take(path));
    if (outcome?.state === 'refused') refused += 1;
    if (outcome) show(context, outcome, options.json);
    return outcome;
  };
  if (options.once) {
    for (const path of (await photosBelow(folder)).filter(isOurs)) await submit(path);
    return refused === 0;
  }
  await follow(context, folder, { ...options, isOurs, submit });
  return true;
};

/** Submits files one after the other, as they come and are whole, until a signal. */
const follow = async (
  context: Context,
  folder: string,
  {
    settle,
    giveUp,
    poll = false,
    isOurs,
    submit,
  }: WatchOptions & {
    isOurs: (path: string) => boolean;
    submit: (path: string) => Promise<Outcome | undefined>;
  },
): Promise<void> => {
  const ended = context.untilSignal();
  const failed = Promise.withResolvers<never>();
  const watcher = watchFiles(folder, {
    ignored: (path) => path !== folder && (isLitter(path.split('/').at(-1) ?? '') || !isOurs(path)),
    awaitWriteFinish: { stabilityThreshold: settle * 1000, pollInterval: Math.min(200, settle * 250 + 10) },
    usePolling: poll,
    interval: 1000,
  });
  context.stopper.add(() => watcher.close());
  const waiting = new Map<string, NodeJS.Timeout>();
  context.stopper.add(async () => {
    for (const timer of waiting.values()) clearTimeout(timer);
  });
  let line: Promise<unknown> = Promise.resolve();
  const queue = (path: string): void => {
    clearTimeout(waiting.get(path));
    waiting.delete(path);
    line = line
      .then(async () => {
        if (!(await isPhotoFile(path))) return;
        // Asked again when it may be given up; a change before that asks, too.
        if ((await submit(path))?.state === 'unfinished')
          waiting.set(
            path,
            setTimeout(() => queue(path), giveUp * 1000),
          );
      })
      .catch(failed.reject);
  };
  watcher.on('add', queue).on('change', queue).on('error', failed.reject);
  watcher.on('ready', () => context.io.stderr.write(`watching ${folder}; stop with Ctrl-C\n`));
  await Promise.race([ended, failed.promise]);
};

const journalOf = (dataDir: string, folder: string): string =>
  join(dataDir, 'watch', `${createHash('sha256').update(folder).digest('hex').slice(0, 16)}.txt`);

/** Tries until the database or the API can be reached, with growing pauses; says so once. */
const untilReachable = async <T>(
  { io, stopper }: Context,
  attempt: () => Promise<T>,
): Promise<T | undefined> => {
  const stopping = new AbortController();
  stopper.add(async () => stopping.abort());
  for (let pause = 1_000; ; pause = Math.min(pause * 2, 30_000)) {
    try {
      const result = await attempt();
      if (pause > 1_000) io.stderr.write('it is back\n');
      return result;
    } catch (error) {
      if (!isPassing(error) || stopping.signal.aborted) throw error;
      if (pause === 1_000) io.stderr.write(`${reasonFor(error)} Files wait until it is back.\n`);
    }
    await sleep(pause, undefined, { signal: stopping.signal }).catch(() => {});
    if (stopping.signal.aborted) return undefined;
  }
};

const reasonFor = (error: unknown): string => explain(error).split('\n')[0] ?? '';

const show = ({ io }: Context, outcome: Outcome, json = false): void => {
  // Of a folder that is watched again nothing is said about the files that were submitted the last time.
  if (outcome.state !== 'refused' && outcome.id === undefined) return;
  if (json) printJson(io, outcome);
  else if (outcome.state === 'refused') io.stderr.write(`${outcome.file}: ${outcome.message}\n`);
  else print(io, `${outcome.file}  ${outcome.id}${outcome.state === 'known' ? '  known' : ''}`);
};
