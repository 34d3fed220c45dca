import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chown, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';

/** A Postgres that a test, a bench or the chaos run has for itself. It keeps what it acknowledged: fsync is on. */
export interface Postgres {
  readonly url: string;
  readonly port: number;
  /** Stops it as a crash does, without a checkpoint; the next start recovers from the log. */
  crash(): Promise<void>;
  start(): Promise<void>;
  /** Stops it with a checkpoint; a replica gets everything that was committed. */
  stop(): Promise<void>;
  /** Makes a replica a primary; returns when it takes writes. */
  promote(): Promise<void>;
  /** Stops it, and removes its data folder if it was made here and is not to be kept. */
  end(): Promise<void>;
}

/** A free port on 127.0.0.1. */
export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });

/**
 * Makes a data folder, if there is none, and starts Postgres in it.
 *
 * @param options.bin the folder of pg_ctl; by default it is searched for.
 * @param options.port 0 for a free one.
 * @param options.settings more `name=value` settings.
 * @param options.keep leave the data folder in place at the end.
 */
export const startPostgres = async (options: {
  bin: string | undefined;
  data: string;
  port: number;
  settings?: readonly string[];
  keep?: boolean;
}): Promise<Postgres> => {
  const { data } = options;
  const run = await programsOf(options.bin, data);
  const port = options.port || (await freePort());
  const made = !existsSync(join(data, 'PG_VERSION'));
  if (made) await makeData(run, data);

  const settings = [
    'listen_addresses=127.0.0.1',
    'fsync=on',
    'max_connections=200',
    'shared_buffers=256MB',
    ...(options.settings ?? []),
  ];
  const given = [`-p ${port}`, `-k ''`, ...settings.map((setting) => `-c ${setting}`)].join(' ');
  const start = () => run('pg_ctl', ['-D', data, '-l', logOf(data), '-w', '-t', '60', '-o', given, 'start']);
  await writeFile(logOf(data), '');
  await giveToServer(logOf(data));
  await start();
  return {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    port,
    start,
    crash: () => run('pg_ctl', ['-D', data, '-m', 'immediate', '-w', 'stop']),
    stop: () => run('pg_ctl', ['-D', data, '-m', 'fast', '-w', 'stop']),
    promote: () => run('pg_ctl', ['-D', data, '-w', 'promote']),
    async end() {
      await run('pg_ctl', ['-D', data, '-m', 'fast', '-w', 'stop']).catch(() => {});
      if (made && !options.keep) await rm(data, { recursive: true, force: true });
    },
  };
};

/** Runs a program of Postgres to its end. */
type Run = (program: string, args: readonly string[]) => Promise<void>;

const logOf = (data: string): string => `${data}.log`;

const programsOf = async (given: string | undefined, data: string): Promise<Run> => {
  const bin = await findBin(given);
  const user = await unprivileged();
  // The memory settings of docker-compose.yml.
  const memory = { MALLOC_MMAP_THRESHOLD_: '33554432', MALLOC_TRIM_THRESHOLD_: '67108864' };
  return (program, args) =>
    new Promise((resolve, reject) => {
      const child = spawn(join(bin, program), args, {
        ...user,
        cwd: '/',
        env: { ...process.env, ...memory, HOME: '/tmp' },
        // The server inherits the streams of pg_ctl: a pipe would never close.
        stdio: 'ignore',
      });
      child.once('error', reject);
      child.once('exit', (code) =>
        code === 0 ? resolve() : reject(new Error(`${program} ended with ${code}; see ${logOf(data)}`)),
      );
    });
};

const makeData = async (run: Run, data: string): Promise<void> => {
  await mkdir(dirname(data), { recursive: true, mode: 0o755 });
  await mkdir(data, { recursive: true, mode: 0o700 });
  await giveToServer(data);
  const form = ['--auth=trust', '--encoding=UTF8', '--locale=C.UTF-8', '--no-sync'];
  await run('initdb', ['-D', data, '-U', 'postgres', ...form]);
};

/** The folder of pg_ctl: the one given, else on the PATH, else the newest below /usr/lib/postgresql. */
const findBin = async (given: string | undefined): Promise<string> => {
  const system = '/usr/lib/postgresql';
  const versions = (await readdir(system).catch(() => [])).sort((a, b) => Number(b) - Number(a));
  const places = given
    ? [given]
    : [...(process.env.PATH ?? '').split(':'), ...versions.map((version) => join(system, version, 'bin'))];
  const found = places.find(
    (place) => existsSync(join(place, 'pg_ctl')) && existsSync(join(place, 'initdb')),
  );
  if (!found) throw new Error(`There is no pg_ctl in ${places.join(', ')}; say where it is with --pg-bin.`);
  return found;
};

/** Postgres refuses to run as root. The user to run it as then, by name in /etc/passwd. */
const unprivileged = async (): Promise<{ uid: number; gid: number } | undefined> => {
  if (process.getuid?.() !== 0) return undefined;
  const users = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  const user = users.find(([name]) => name === 'postgres') ?? users.find(([name]) => name === 'nobody');
  if (!user) throw new Error('Postgres does not run as root, and there is no user postgres or nobody.');
  return { uid: Number(user[2]), gid: Number(user[3]) };
};

const giveToServer = async (path: string): Promise<void> => {
  const user = await unprivileged();
  if (user) await chown(path, user.uid, user.gid);
};
