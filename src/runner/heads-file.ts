import { appendFile, readFile } from 'node:fs/promises';
import type { Database } from '../database/pool.ts';
import { whyUnusableFile } from '../file-errors.ts';
import type { Log } from '../log.ts';

/**
 * Keeps heads of the record in a file: a line for the latest seal, as often as the upkeep task `heads` is due. The file is
 * to be on a disk that the owner of the database cannot write.
 *
 * @param file its path; undefined: none is kept.
 * @returns a function to be called often, which does nothing until a line is due.
 */
export const headsFile = (database: Database, file: string | undefined, log: Log): (() => Promise<void>) => {
  let dueAt = 0;
  return async () => {
    if (file === undefined || Date.now() < dueAt) return;
    const { rows } = await database.pool.query<{ every: number; line: string; number: string }>(
      `select
         extract(epoch from u.every)::float8 as every, h.number,
         concat_ws(' ', h.number, h.digest, watchpost.utc(h.sealed_at)) as line
       from watchpost.upkeep_task as u
       cross join watchpost.audit_head as h
       where u.task = 'heads'`,
    );
    const [head] = rows;
    // Nothing is sealed yet.
    if (!head) return;
    dueAt = Date.now() + head.every * 1000;
    try {
      const kept = await readFile(file, 'utf8').catch(() => '');
      if (kept.trimEnd().split('\n').at(-1)?.startsWith(`${head.number} `)) return;
      await appendFile(file, `${head.line}\n`, { mode: 0o600 });
      log.debug({ seal: head.number }, 'head kept');
    } catch (error) {
      log.warn(
        { file, reason: whyUnusableFile(error) ?? String(error) },
        'the head of the record cannot be kept',
      );
    }
  };
};
