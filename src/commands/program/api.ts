import { Option } from 'commander';
import { DetailedError, parseResponse } from 'hono/client';
import { type Client, createClient } from '../../client/index.ts';
import { CommandError, type ProblemCode, problems, WatchpostError } from '../../errors.ts';
import type { Context } from './session.ts';

/** The option with which a command submits to an API. */
export const apiOption = new Option(
  '--api <url>',
  'submit them to this API, with the key in WATCHPOST_API_KEY, and not to a database',
);

/**
 * A client of another process's API, with the key of this one's settings.
 *
 * @throws {CommandError} if there is no key, or the URL is none.
 */
export const openClient = ({ config }: Pick<Context, 'config'>, url: string): Client => {
  if (!/^https?:$/.test(URL.parse(url)?.protocol ?? '')) {
    throw new CommandError(
      `${JSON.stringify(url)} is no URL of an API: give one like http://127.0.0.1:3000.`,
    );
  }
  if (config.apiKey === undefined) {
    throw new CommandError(`Set WATCHPOST_API_KEY to an API key of ${url}.`);
  }
  return createClient({ url, key: config.apiKey });
};

/**
 * The body of an answer.
 *
 * @throws {WatchpostError} the error that the API reports.
 * @throws {CommandError} if it cannot be reached, or answers something else.
 */
export const bodyOf: typeof parseResponse = (answer) =>
  parseResponse(answer).catch((error: unknown) => {
    if (!(error instanceof DetailedError)) throw unreachable(error);
    const { code, detail, hint } = (error.detail?.data ?? {}) as Record<string, string | undefined>;
    if (code !== undefined && code in problems && detail !== undefined) {
      throw new WatchpostError(code as ProblemCode, detail, { hint });
    }
    throw new CommandError(`The API answered ${error.statusCode}.`, { cause: error });
  });

/** The API cannot be reached. */
export class Unreachable extends CommandError {}

/** A fetch that failed; its cause says why. */
const unreachable = (error: unknown): unknown => {
  if (!(error instanceof TypeError)) return error;
  const cause = error.cause as { code?: string; message?: string } | undefined;
  return new Unreachable(`The API cannot be reached: ${cause?.code ?? cause?.message ?? error.message}.`, {
    cause: error,
  });
};
