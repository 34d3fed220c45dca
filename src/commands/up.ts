import { resolve } from 'node:path';
import type { Config } from '../config.ts';
import { assertReadable } from '../database/at-rest.ts';
import type { Database } from '../database/pool.ts';
import { waitForDatabase } from '../database/retry.ts';
import { hideSecrets } from '../database-url.ts';
import { passwordFile, readRunning } from '../embedded-database/index.ts';
import { createApp } from '../http/app.ts';
import { type FirstKey, provideFirstKey } from '../http/first-key.ts';
import { assertPortFree } from '../http/listening.ts';
import { startServer } from '../http/server.ts';
import { startRelay } from '../runner/relay.ts';
import { startWorker } from '../runner/worker.ts';
import { startWatching } from '../streams/index.ts';
import { provideDatabase } from './program/connect.ts';
import { print } from './program/io.ts';
import { openWatching, watchedTools } from './program/monitoring.ts';
import { openVisionThreads } from './program/open-vision.ts';
import { readySchema } from './program/ready-schema.ts';
import type { AddCommand, Context } from './program/session.ts';

/** up: a whole installation in one process, until a signal ends it. */
export const upCommand: AddCommand = (program, session) =>
  program
    .command('up')
    .description('Start the database (unless DATABASE_URL is set), the API and a worker')
    .option('--no-worker', 'serve the API only; workers run elsewhere')
    .option('--watch', 'take the frames of cameras that have a source, too')
    .action(
      session.action(
        async (context, options: { worker: boolean; watch?: boolean }) => {
          const ended = context.untilSignal();
          const up = await bringUp(context, options);
          print(
            context.io,
            `${addressesOf(up)}
Submit a photo:  curl -H "Authorization: Bearer ${keyInShell(up.firstKey)}" -F image=@photo.jpg ${up.url}/v1/images
One more worker: npm run worker
Stop:            Ctrl-C`,
            { url: up.url, key_file: up.firstKey.file ?? null, database: up.kind },
          );
          await ended;
        },
        { logs: 'everything' },
      ),
    );

/** What is running: database, API and, unless it was left out, one worker. */
export interface Up {
  readonly url: string;
  readonly firstKey: FirstKey;
  readonly database: Database;
  readonly kind: 'embedded' | 'server';
  /** Of the embedded database. */
  readonly passwordFile: string;
}

/** What is printed about each step of a start: what it does, and how long that may take. */
type OnStep = (step: string, takes: string) => void;

/**
 * Starts everything, and registers how to stop it.
 *
 * @param options.worker false: the API only, for workers that run elsewhere.
 * @param options.brief the process ends within seconds.
 * @param options.watch whether cameras with a source are watched.
 * @param onStep is called when a step begins.
 */
export const bringUp = async (
  context: Pick<Context, 'config' | 'log' | 'stopper'>,
  options: { worker: boolean; brief?: boolean; watch?: boolean },
  onStep: OnStep = () => {},
): Promise<Up> => {
  const { config, log, stopper } = context;
  await assertPortsFree(config);
  if (config.databaseUrl) onStep('connecting to the database', 'a moment');
  else onStep('starting the embedded database', 'some seconds; the first time up to a minute');
  const { database, kind } = await provideDatabase(context, options);
  onStep('applying the schema', 'some seconds the first time');
  await waitForDatabase(database, () => readySchema(database, context));
  await assertReadable(database.db);
  onStep('loading the models', 'a second or two');
  const models = await openVisionThreads(context);
  const watching = await openWatching(context, database, { installation: true });
  const tools = watchedTools(context, database, models, watching);
  onStep('starting the API and a worker', 'a second');
  const settings = {
    concurrency: config.concurrency,
    log,
    pulse: config.pulse,
    headsFile: config.headsFile,
    aliveFile: config.aliveFile,
  };
  const worker = await (options.worker ? startWorker : startRelay)(tools, settings);
  stopper.add(() => worker.stop());
  if (options.watch) {
    const cameras = startWatching({ watcher: worker.id, database, outgoing: config.outgoing, log });
    stopper.add(() => cameras.stop());
  }

  const firstKey = await waitForDatabase(database, () =>
    provideFirstKey(database, config.dataDir, config.apiKey),
  );
  const stopping = new AbortController();
  const app = createApp({
    config,
    database,
    nudge: () => worker.nudge(),
    vision: tools.vision,
    workerId: worker.id,
    stopping: stopping.signal,
    log,
    metrics: watching.metrics,
    traceCalls: watching.tracing?.calls,
  });
  const server = await startServer(app, config.host, config.port);
  stopper.add(() => {
    stopping.abort();
    return server.stop();
  });
  return { url: server.url, firstKey, database, kind, passwordFile: resolve(passwordFile(config.dataDir)) };
};

/**
 * Before anything is made. A second start in the data folder of an embedded database that runs is left to its lock, which
 * says who has it.
 */
const assertPortsFree = async (config: Config): Promise<void> => {
  if (!config.databaseUrl) {
    if (await readRunning(config.dataDir)) return;
    await assertPortFree('127.0.0.1', config.databasePort, 'WATCHPOST_DATABASE_PORT');
  }
  await assertPortFree(config.host, config.port);
};

/** How to reach what is running. The key itself is not shown: what a server prints is kept in logs. */
export const addressesOf = (up: Up): string => `
  API      ${up.url}
  API key  ${whereKeyIs(up.firstKey)}
  SQL      psql ${whereDatabaseIs(up)}
  Console  ${new URL('/console/', up.url).href}
`;

/** For psql, which reads the password of the embedded database from its file. */
const whereDatabaseIs = ({ database, kind, passwordFile: file }: Up): string => {
  if (kind === 'server') return hideSecrets(database.url);
  const url = Object.assign(new URL(database.url), { password: '' });
  url.searchParams.set('passfile', file);
  return quoted(url.href);
};

const whereKeyIs = ({ key, file }: FirstKey): string => {
  if (file !== undefined) return `cat ${quoted(file)}`;
  return key === undefined
    ? 'made before; another one: npm run watchpost -- key create NAME'
    : 'that of WATCHPOST_API_KEY';
};

/** What a shell replaces by the key. */
const keyInShell = ({ key, file }: FirstKey): string => {
  if (file !== undefined) return `$(cat ${quoted(file)})`;
  return key === undefined ? '$KEY' : '$WATCHPOST_API_KEY';
};

/** A path as one word of a shell. */
const quoted = (path: string): string =>
  /^[\w./@%+=:-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
