import { describe, expect, it } from 'vitest';
import { openLog } from '../../src/log.ts';
import { startJobs } from '../../src/runner/jobs.ts';
import { atEnd } from '../support/at-end.ts';
import { freshDatabase, needsServer, onServer } from '../support/database.ts';
import { until } from '../support/until.ts';

describe.skipIf(!onServer)(`graphile-worker's pool of a process ${onServer ? '' : needsServer}`, () => {
  it('is replaced when the completion of several of its jobs has failed', { timeout: 30_000 }, async () => {
    const database = await freshDatabase();
    // A sequence counts the refused completions, because a rollback does not undo it.
    await database.rows(`
      create sequence public.refused minvalue 0;
      create function public.refuse() returns trigger language plpgsql as $$
        begin perform nextval('public.refused'); raise exception 'not now'; end $$;
      create trigger refuse before delete on graphile_worker._private_jobs
        for each row execute function public.refuse()`);
    const refused = async (times: number) =>
      (
        await database.rows('select last_value::integer >= $1 and is_called as enough from public.refused', [
          times - 1,
        ])
      )[0]?.enough;
    let begun = 0;
    const task = async (payload: unknown) => {
      const { n } = payload as { n: number };
      begun += 1;
      // Each ends when all are running and the completion of the previous one has failed.
      await until(async () => begun >= 4 && (n === 0 || (await refused(n))));
    };
    const jobs = startJobs(
      database,
      { task },
      {
        concurrency: 4,
        paused: async () => [],
        opened: () => {},
        log: openLog('silent'),
      },
    );
    atEnd(() => jobs.stop(1_000));
    for (let n = 0; n < 4; n++)
      await database.rows(`select graphile_worker.add_job('task', json_build_object('n', $1::integer))`, [n]);
    await until(() => refused(4));
    await database.rows('drop trigger refuse on graphile_worker._private_jobs');
    await until(async () => (await database.rows('select from graphile_worker._private_jobs')).length === 0);
    expect(jobs.pools()).toHaveLength(1);
  });
});
