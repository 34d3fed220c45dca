import pino, { type Logger } from 'pino';
import pretty from 'pino-pretty';

export type Log = Logger;

/**
 * The program's log. It goes to stderr, because stdout is for results: readable lines on a terminal, JSON elsewhere.
 * Keys and passwords must never be passed to it.
 */
export const openLog = (level: string): Log => {
  if (!process.stderr.isTTY) return pino({ level, base: null }, pino.destination(2));
  return pino(
    { level, base: null },
    pretty({ destination: 2, sync: true, translateTime: 'SYS:HH:MM:ss.l', ignore: 'pid,hostname' }),
  );
};
