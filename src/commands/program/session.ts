import { Command } from 'commander';
import { type Config, readConfig } from '../../config.ts';
import { useEncryptionKey } from '../../database/at-rest.ts';
import { readEncryptionKey } from '../../encryption-key.ts';
import { CommandError } from '../../errors.ts';
import type { Log } from '../../log.ts';
import { Stopper } from '../../stopper.ts';
import type { Io } from './io.ts';

/** What a command can use. */
export interface Context {
  readonly io: Io;
  readonly config: Config;
  readonly log: Log;
  /** What the command starts is registered here, and stopped when the command ends, however it ends. */
  readonly stopper: Stopper;
  /**
   * From now on SIGINT or SIGTERM stops everything within 10 s and ends the command with 0; a second signal ends it at
   * once with 130.
   *
   * @returns a promise that never resolves.
   */
  untilSignal(): Promise<never>;
}

/** What a command does with the arguments and options that commander has parsed. False: it ends with exit code 1. */
type Perform<Arguments extends unknown[]> = (
  context: Context,
  ...args: Arguments
) => Promise<boolean> | Promise<void>;

/** Defines one command, with what it does, below its parent. */
export type AddCommand = (parent: Command, session: Session) => void;

/** Milliseconds in which everything must have stopped after a signal: process managers kill after 10 s. */
const stoppingTime = 9_900;

const keyOf = ({ encryption }: Config): Buffer | undefined => {
  try {
    return readEncryptionKey(encryption);
  } catch (error) {
    throw error instanceof RangeError ? new CommandError(error.message) : error;
  }
};

/** One run of the program, from its arguments to its exit code. */
export class Session {
  readonly io: Io;
  readonly stopper = new Stopper();
  /** Commands whose lines are written as JSON with --json: see print. */
  readonly jsonLines = new WeakSet<Command>();
  readonly #interruption = Promise.withResolvers<number>();
  #signals = 0;
  #good = true;

  constructor(io: Io) {
    this.io = io;
  }

  /**
   * Makes commander's action of what a command does: the settings are read and a log is opened first.
   *
   * @param options.logs `problems` keeps the log of a command that prints results to warnings and errors, unless
   *   WATCHPOST_LOG=debug asks for more; `everything` is for processes that run until they are stopped.
   */
  action<Arguments extends unknown[]>(
    perform: Perform<Arguments>,
    options: { logs: 'problems' | 'everything' } = { logs: 'problems' },
  ): (...args: Arguments) => Promise<void> {
    return async (...args) => {
      const config = readConfig(this.io.environment);
      useEncryptionKey(keyOf(config));
      const quiet = options.logs === 'problems' && config.logLevel === 'info';
      const log = this.io.openLog(quiet ? 'warn' : config.logLevel);
      const { stopper } = this;
      const command = args.at(-1);
      let { io } = this;
      if (command instanceof Command && this.jsonLines.has(command)) {
        // The command does not know this option: it would take it for a field of what it writes.
        const { json, ...others } = command.opts();
        args[args.length - 2] = others;
        if (json) io = { ...io, json };
      }
      const untilSignal = () => this.#untilSignal(log);
      this.#good = (await perform({ io, config, log, stopper, untilSignal }, ...args)) !== false;
    };
  }

  /**
   * Stops what was started.
   *
   * @param outcome the parsing of the arguments and the command itself; its errors are left to the caller.
   * @returns the exit code: that of the signal, if there was one, whatever became of the command meanwhile.
   */
  async finish(outcome: Promise<unknown>): Promise<number> {
    const ended = outcome.finally(() => this.stopper.stop()).then(() => (this.#good ? 0 : 1));
    const unlessInterrupted = ended.catch((error: unknown) => {
      if (this.#signals > 0) return this.#interruption.promise;
      throw error;
    });
    return Promise.race([this.#interruption.promise, unlessInterrupted]);
  }

  #untilSignal(log: Log): Promise<never> {
    this.io.onSignal((signal) => {
      this.#signals += 1;
      if (this.#signals > 1) {
        this.#interruption.resolve(130);
        return;
      }
      log.info({ signal }, 'stopping: running jobs are finished or put back; a second signal stops at once');
      const late = setTimeout(() => this.#interruption.resolve(1), stoppingTime);
      void this.stopper.stop().then(() => {
        clearTimeout(late);
        this.#interruption.resolve(0);
      });
    });
    return new Promise(() => {});
  }
}
