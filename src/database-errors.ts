import { isCoded } from './coded-error.ts';

/** Which errors of the database mean what, by their SQLSTATE. */

/** SQLSTATE of a write that a server refused because it is in recovery, as a replica is, or set to read-only. */
export const readOnlyState = '25006';

const awayStates = [
  readOnlyState,
  '25P03',
  '53100',
  '53200',
  '53300',
  '57P01',
  '57P02',
  '57P03',
  '57P05',
  '58030',
];

/** What to say, and what to do, where the server answers and has no room. */
export const awaySentences: Record<string, readonly [sentence: string, hint: string]> = {
  '53100': ['The disk of the database is full.', 'Free some of it, or give it a larger one.'],
  '53200': ['The database has no memory left.', 'See the log of its server.'],
  '53300': [
    'The database has no connection left.',
    'Run fewer processes (one uses up to 15 connections), or raise max_connections of the server or the limit of the role.',
  ],
};

/** The line of the log about a database that refuses everything now. */
export const describeAway = (error: unknown): string => {
  const sentence = isCoded(error) ? awaySentences[error.code]?.[0] : undefined;
  return sentence
    ? `${sentence.charAt(0).toLowerCase()}${sentence.slice(1, -1)}; trying again`
    : 'the database is away; trying again until it is back';
};

/**
 * Whether the database could not execute any statement now: it could not be reached (no route, connection refused
 * or lost, or the server starting or shutting down), it takes no writes (25006), it has no room, memory or connection left
 * (53), its disk fails (58030), or it has cut off a session or a transaction that was left open (57P05, 25P03).
 */
export const isDatabaseAway = (error: unknown): boolean =>
  (isCoded(error) &&
    (/^(ECONN|EPIPE|ETIMEDOUT|EHOST|ENET|ENOTFOUND|EAI_AGAIN)/.test(error.code) ||
      error.code.startsWith('08') ||
      awayStates.includes(error.code))) ||
  (error instanceof Error &&
    /^(Connection terminated|timeout exceeded when trying to connect|Query read timeout|Client (has encountered|was closed))/.test(
      error.message,
    ));

/** Whether a statement was given up because its answer took longer than the pool allows: see `openDatabase`. */
export const isGivenUp = (error: unknown): boolean =>
  error instanceof Error && error.message === 'Query read timeout';

/** Whether the transaction was aborted in favour of a concurrent one: a deadlock or a serialization failure. */
export const isCollision = (error: unknown): boolean =>
  isCoded(error) && ['40P01', '40001'].includes(error.code);

/** Whether a row that is to be written refers to one that was deleted (SQLSTATE 23503). */
export const isOrphan = (error: unknown): boolean => isCoded(error) && error.code === '23503';
