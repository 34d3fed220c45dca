import { beforeAll, describe, expect, it } from 'vitest';
import { connectClient, untilBlocked } from '../support/client.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { until } from '../support/until.ts';
import { Command } from './support.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await freshDatabase();
});

const work = async (): Promise<{ command: Command; id: string }> => {
  const command = new Command(['work'], { DATABASE_URL: database.url, WATCHPOST_CONCURRENCY: '2' });
  const [, id] = await command.says(/^worker (\S+) is at work/m);
  return { command, id: id! };
};
const submitMany = (count: number) =>
  database.rows('insert into watchpost.image (bytes) select $1 from generate_series(1, $2)', [
    sample(4),
    count,
  ]);
const claimed = () => database.rows('select id from watchpost.claim where worker_id is not null');
const saidGoodbye = async (id: string): Promise<boolean> => {
  const [row] = await database.rows('select stopped_at from watchpost.worker where id = $1', [id]);
  return row.stopped_at !== null;
};

describe('SIGTERM to a worker at work', () => {
  it('finishes what it has begun, leaves the rest unclaimed, and the next worker does that', async () => {
    const images = 12;
    await submitMany(images);
    const { command, id } = await work();
    await until(async () => (await database.rows('select from watchpost.handling')).length > 0);
    expect(await command.stop()).toBe(0);

    expect(await claimed()).toEqual([]);
    expect(await saidGoodbye(id)).toBe(true);
    expect(await database.rows(`select error from watchpost.handling where outcome <> 'done'`)).toEqual([]);
    const left = await database.rows(`select from watchpost.image_status where state <> 'done'`);
    expect(left.length).toBeGreaterThan(0);

    const next = await work();
    await until(
      async () =>
        (await database.rows(`select from watchpost.image_status where state <> 'done'`)).length === 0,
    );
    expect(await next.command.stop()).toBe(0);
    expect(await database.rows('select from watchpost.face')).toHaveLength(4 * images);
    const [once] = await database.rows(
      `select count(*)::int as handled, count(distinct (event_id, task))::int as different from watchpost.handling`,
    );
    expect(once).toEqual({ handled: images * (1 + 2 * 4), different: images * (1 + 2 * 4) });
  });
});

describe.skipIf(!onServer)(`a worker whose batch cannot end ${onServer ? '' : needsServer}`, () => {
  /** A worker with a batch that waits for a lock which this test holds. */
  const stuck = async () => {
    await submitMany(1);
    const holder = await connectClient(database);
    await holder.query('begin');
    await holder.query('lock table watchpost.face in share row exclusive mode');
    const worker = await work();
    await untilBlocked(database);
    return { ...worker, holder };
  };

  it('releases it, records its end and exits with 0', async () => {
    const { command, id, holder } = await stuck();
    expect(await claimed()).toHaveLength(1);
    expect(await command.stop()).toBe(0);
    expect(await saidGoodbye(id)).toBe(true);
    // Its transaction still has the claim locked. Once that has ended, any live worker releases the claim.
    await holder.query('rollback');
    await until(async () => {
      await database.rows(`select watchpost.rescue('0 s')`);
      return (await claimed()).length === 0;
    });
  });

  it('stops at once at a second signal, without recording its end', async () => {
    const { command, id, holder } = await stuck();
    command.child.kill('SIGTERM');
    await until(async () => command.stderr.includes('stopping'));
    expect(await command.stop('SIGINT')).toBe(130);
    expect(await saidGoodbye(id)).toBe(false);
    await holder.query('rollback');
  });
});
