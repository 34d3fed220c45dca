import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pino } from 'pino';
import { run } from '../../src/commands/program/run.ts';
import { atEnd } from '../support/at-end.ts';
import { NodeProcess, plainEnvironment } from '../support/node-process.ts';

/** Settings of a command. From the environment of the tests it gets only what is not a setting of the program. */
export type Settings = Record<string, string>;

const environment = (settings: Settings): NodeJS.ProcessEnv => ({
  ...plainEnvironment(),
  PORT: '0',
  // Nobody can make a folder there, not even root: a command that needs one gets it from its test.
  WATCHPOST_DATA: '/dev/null/watchpost',
  ...settings,
});

/** A process of the command line. Killed when the test file has ended, at the latest. */
export class Command extends NodeProcess {
  constructor(args: readonly string[], settings: Settings = {}) {
    super(['src/watchpost.mjs', ...args], environment(settings));
    atEnd(() => this.stop('SIGKILL'));
  }
}

/** How a command ended, with all of its output. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a command to its end, in the process of the test. No signal reaches it.
 *
 * @param streams.stdin what it can read. @param streams.columns stdout is a terminal that is so wide.
 */
export const watchpost = async (
  args: readonly string[],
  settings: Settings = {},
  streams: { stdin?: string | Buffer; columns?: number } = {},
): Promise<Ended> => {
  const [stdout, stderr] = [capture(), capture()];
  const { stdin = '', columns } = streams;
  const code = await run(args, {
    environment: environment(settings),
    stdin: Readable.from([Buffer.from(stdin)]),
    stdout: columns === undefined ? stdout : { ...stdout, isTTY: true, columns },
    stderr,
    openLog: (level) => pino({ level, base: null }, stderr),
    onSignal: () => {},
  });
  return { code, stdout: stdout.text(), stderr: stderr.text() };
};

const capture = () => {
  const parts: string[] = [];
  return { write: (text: string) => void parts.push(text), text: () => parts.join('') };
};

/** Runs a command to its end in a process of its own. */
export const spawnWatchpost = async (args: readonly string[], settings: Settings = {}): Promise<Ended> => {
  const command = new Command(args, settings);
  const code = await command.ended;
  return { code, stdout: command.stdout, stderr: command.stderr };
};

/** A folder that is gone when the test file has ended. */
export const temporaryFolder = async (): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'watchpost-command-'));
  atEnd(() => rm(folder, { recursive: true, force: true }));
  return folder;
};

/** Processes with this text in their command line, other than this one. */
export const processesWith = async (text: string): Promise<number[]> => {
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(
    ids.map(async (id) => ({
      id: Number(id),
      line: await readFile(`/proc/${id}/cmdline`, 'utf8').catch(() => ''),
    })),
  );
  return lines.filter(({ id, line }) => id !== process.pid && line.includes(text)).map(({ id }) => id);
};
