import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fromStored, isEncrypted, useEncryptionKey } from '../../src/database/at-rest.ts';
import { migrate } from '../../src/database/migrate.ts';
import { openDatabase } from '../../src/database/pool.ts';
import { countRows, listTables } from '../../src/database/stored-tables.ts';
import { findHead, parseHead, readHead, readRestores, verifyRecord } from '../../src/database/verify.ts';
import { startEmbedded } from '../../src/embedded-database/index.ts';
import { openLog } from '../../src/log.ts';
import { startWorker } from '../../src/runner/worker.ts';
import { atEnd } from '../support/at-end.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { enrolAda, realVision, runWorker, submit, untilFinal, untilIdle } from '../support/pipeline.ts';
import { sealAll } from '../support/record.ts';
import { temporaryFolder, watchpost } from './support.ts';

const log = openLog('silent');

/** Does something with an installation on the embedded database of a folder, while that runs. */
const withEmbedded = async <T>(dataDir: string, use: (database: TestDatabase) => Promise<T>): Promise<T> => {
  const embedded = await startEmbedded({ dataDir, brief: true });
  const database = openDatabase(embedded.url, { log });
  try {
    return await use({
      ...database,
      kind: 'embedded',
      rows: async (text, values = []) => (await database.pool.query(text, values)).rows,
    });
  } finally {
    await database.close();
    await embedded.stop();
  }
};

/** Ids, and everything else that must not differ on the other side. */
const contentsOf = async (database: TestDatabase) => {
  const client = await database.pool.connect();
  const tables = await countRows(client, await listTables(client));
  client.release();
  const one = async (query: string) => (await database.rows(query))[0].all;
  return {
    counts: Object.fromEntries(tables.map(({ name, rows }) => [name, rows])),
    photos: await one(
      `select json_agg(json_build_array(id, captured_at, encode(sha256(bytes), 'hex')) order by id) as all from watchpost.image`,
    ),
    vectors: await one(
      `select json_agg(json_build_array(person_id, md5(vector::text)) order by person_id) as all from watchpost.person_vector`,
    ),
    alerts: await one(`select json_agg(a order by a.id) as all from watchpost.alert as a`),
    events: await one(`select json_agg(e order by e.id) as all from watchpost.event as e`),
    indexes: await one(
      `select json_agg(indexname order by indexname) as all from pg_indexes where schemaname = 'watchpost'`,
    ),
    seals: await one(`select json_agg(encode(digest, 'hex') order by number) as all from watchpost.seal`),
  };
};

describe.skipIf(!onServer)(`move, from the embedded database to a server ${needsServer}`, () => {
  let dataDir: string;
  let target: TestDatabase;
  let before: Awaited<ReturnType<typeof contentsOf>>;
  let head: string;
  const move = (to = target.url) => watchpost(['move', '--to', to], { WATCHPOST_DATA: dataDir });

  beforeAll(async () => {
    dataDir = join(await temporaryFolder(), 'data');
    target = await freshDatabase({ empty: true });
    atEnd(() => useEncryptionKey(undefined));
  });
  // With encrypted photos; a command sets the key of its own settings.
  const key = randomBytes(32);
  beforeEach(() => useEncryptionKey(key));

  it('refuses where there is nothing to move, and makes nothing', async () => {
    expect(await move()).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^There is nothing to move: /),
    });
    expect(await target.rows(`select from pg_namespace where nspname ~ 'watchpost|graphile'`)).toEqual([]);
  });

  it('refuses while the embedded database runs', async () => {
    await withEmbedded(dataDir, async (database) => {
      await migrate(database.pool, log);
      const worker = await startWorker({ database, vision: await realVision() }, { concurrency: 2, log });
      await database.rows(`insert into watchpost.camera (name, location) values ('gate', 'North gate')`);
      await enrolAda(database);
      await untilFinal(database, await submit(database, sample(1), 'gate'));
      await database.rows(
        `update watchpost.retention set action = 'detach', age = '1 week' where width is not null`,
      );
      await untilIdle(database);
      await sealAll(database);
      await worker.stop();
      // One waits, and is handled on the other side.
      await submit(database, sample(2), 'gate');
      const { code, stderr } = await move();
      expect(code).toBe(1);
      expect(stderr).toMatch(/ is in use: .*\.\nStop it first: nothing may be written during a move\.\n$/);
      const { number, digest } = (await readHead(database))!;
      head = `${number} ${digest}`;
      before = await contentsOf(database);
    });
  });

  it('moves everything, and says how much and what to do', async () => {
    const { code, stdout, stderr } = await move();
    expect(stderr).toMatch(
      /^(\d+ of \d+ MB\n)+making foreign keys and the index over people, and comparing the counts\n/,
    );
    expect(code).toBe(0);
    const rows = Object.values(before.counts).reduce((sum, count) => sum + count);
    expect(stdout).toContain(`\n${rows} rows of `);
    expect(stdout).toContain(`The chain of seals continues after ${head}.`);
  });

  it('keeps every row, and the seals verify', async () => {
    const after = await contentsOf(target);
    const { counts } = after;
    // What it has more is that it was moved.
    expect(counts).toEqual({
      ...before.counts,
      'watchpost.seal': before.counts['watchpost.seal']! + 1,
      'watchpost.server_timeline': before.counts['watchpost.server_timeline']! + 1,
    });
    const { counts: _, seals, ...rest } = before;
    expect(after).toMatchObject(rest);
    expect(after.seals.slice(0, -1)).toEqual(seals);
    expect(await verifyRecord(target)).toEqual([]);
    expect(await findHead(target, parseHead(head)!)).toBeDefined();
    expect(await readRestores(target)).toHaveLength(1);
  });

  it('keeps encrypted photos with their wrapped key, which is readable with the same key of the settings', async () => {
    const stored = await target.rows(
      `select bytes from watchpost.image as i where exists (select from watchpost.face as f where f.image_id = i.id)
       union all select crop from watchpost.face`,
    );
    expect(stored.length).toBeGreaterThan(4);
    for (const { bytes } of stored) {
      expect(isEncrypted(bytes)).toBe(true);
      expect(isEncrypted(await fromStored(target.db, bytes))).toBe(false);
    }
  });

  it('goes on there: what waited and a new frame are processed, doctor is content', async () => {
    await runWorker(target, await realVision());
    const frame = await submit(target, sample(1), 'gate');
    expect(await untilFinal(target, frame)).toMatchObject({ state: 'done', faces: 3, alerts: 1 });
    await untilIdle(target);
    const rows = await target.rows('select state, count(*)::int as n from watchpost.image_status group by 1');
    expect(rows).toEqual([{ state: 'done', n: 4 }]);
    await sealAll(target);
    expect(await verifyRecord(target)).toEqual([]);
    const { stdout } = await watchpost(['doctor'], { DATABASE_URL: target.url });
    expect(stdout).not.toMatch(/FAIL(?! {2}vacuum)/);
  });

  it('refuses a database that is not empty, and leaves it as it is', async () => {
    const there = await contentsOf(target);
    const { code, stderr } = await move();
    expect(code).toBe(1);
    expect(stderr).toMatch(/^The database at \S+ is not empty: \S+ has rows\.\nGive a new one/);
    expect((await contentsOf(target)).counts['watchpost.image']).toEqual(there.counts['watchpost.image']);
  });

  it('refuses while processes use the database of a server, and an address that is none', async () => {
    const empty = await freshDatabase({ empty: true });
    const refused = await watchpost(['move', '--to', empty.url], { DATABASE_URL: target.url });
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toMatch(
      /^These processes use the old database: \S+ \(pid \d+\)\.\nStop them first/,
    );
    expect((await move('mysql://somewhere')).stderr).toMatch(/Give a URL like postgres:/);
  });
});
