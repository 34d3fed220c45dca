import { type Log, openLog } from '../../log.ts';

/** Something to write text to. */
export interface Output {
  write(text: string): unknown;
  /** Whether it is a terminal. */
  readonly isTTY?: boolean;
  /** Characters on a line of the terminal. */
  readonly columns?: number;
}

/** Something to read from. */
export interface Input extends AsyncIterable<Buffer | string> {
  /** Whether it is a terminal. */
  readonly isTTY?: boolean;
}

/** Everything that a command reads from and writes to: the process, or what a test provides in its place. */
export interface Io {
  /** The environment variables, which hold the settings. */
  readonly environment: Record<string, string | undefined>;
  /** SQL, for the command that runs it. */
  readonly stdin: Input;
  /** Results only. */
  readonly stdout: Output;
  /** Errors, warnings and progress. */
  readonly stderr: Output;
  /** Whether results are wanted as JSON, one object a line: see print. */
  readonly json?: boolean;
  /** Opens a log that is written to stderr. */
  openLog(level: string): Log;
  /** Calls `listener` at each SIGINT and SIGTERM. Without a listener these end the process. */
  onSignal(listener: (signal: NodeJS.Signals) => void): void;
}

/** This process. */
export const processIo: Io = {
  environment: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  openLog,
  onSignal: (listener) => {
    process.on('SIGINT', listener);
    process.on('SIGTERM', listener);
  },
};

/**
 * Writes a line to stdout.
 *
 * @param value what the line says, for programs: with --json it takes the line's place, and a line without one, which is
 *   advice, goes to stderr. Commands with more to say print JSON themselves.
 */
export const print = ({ stdout, stderr, json = false }: Io, line: string, value?: object): void => {
  if (!json) stdout.write(`${line}\n`);
  else if (value === undefined) stderr.write(`${line}\n`);
  else stdout.write(`${JSON.stringify(value)}\n`);
};

/** Writes a value to stdout as one line of JSON. */
export const printJson = ({ stdout }: Io, value: unknown): void =>
  void stdout.write(`${JSON.stringify(value)}\n`);
