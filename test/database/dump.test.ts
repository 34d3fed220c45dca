import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { beforeAll, describe, expect, it } from 'vitest';
import { fromStored, isEncrypted, useEncryptionKey } from '../../src/database/at-rest.ts';
import { migrate } from '../../src/database/migrate.ts';
import { findHead, parseHead, readHead, readRestores, verifyRecord } from '../../src/database/verify.ts';
import { openLog } from '../../src/log.ts';
import { startWorker } from '../../src/runner/worker.ts';
import { temporaryFolder, watchpost } from '../commands/support.ts';
import { atEnd } from '../support/at-end.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { plainEnvironment } from '../support/node-process.ts';
import { sample } from '../support/photos.ts';
import { enrolAda, realVision, runWorker, submit, untilFinal, untilIdle } from '../support/pipeline.ts';
import { findDumpPrograms } from '../support/programs.ts';
import { sealAll, submitMany } from '../support/record.ts';

const log = openLog('silent');
const programs = await findDumpPrograms();
const needsPrograms = programs
  ? ''
  : '(needs a real server, and its pg_dump, pg_restore and psql or newer ones on the PATH)';

/** Runs programs of Postgres, each fed by the one before; fails with what one has said. */
const pipe = async (...commands: [program: string, ...args: string[]][]): Promise<void> => {
  const children = commands.map(([program, ...args]) =>
    spawn(join(programs!, program), args, { env: plainEnvironment(), stdio: ['pipe', 'pipe', 'pipe'] }),
  );
  for (const [index, child] of children.entries()) {
    const next = children[index + 1];
    if (next) child.stdout.pipe(next.stdin);
    else child.stdout.resume();
    if (index === 0) child.stdin.end();
  }
  const ended = await Promise.all(
    children.map(async (child) => ({ said: text(child.stderr), code: (await once(child, 'close'))[0] })),
  );
  for (const { said, code } of ended) expect([code, await said]).toEqual([0, '']);
};

/** A worker as it is while a dump is made: at work, with a claim and a job in hand. */
const addBusyWorker = async (database: TestDatabase): Promise<void> => {
  const [worker] = await database.rows(
    `insert into watchpost.worker (host, pid, version, concurrency, tasks, pools)
     values ('old-host', 1, '1', 2, '{detect,embed}', '{old-pool}') returning id`,
  );
  const [event] = await database.rows(
    `with photo as (insert into watchpost.image (bytes) values ($1), ($1) returning id)
     select (select count(*) from photo) as photos`,
    [sample(4)],
  );
  expect(event.photos).toBe('2');
  const claimed = await database.rows(`select id from watchpost.claim($1, '{detect}', 1)`, [worker.id]);
  expect(claimed).toHaveLength(1);
  await database.rows(
    `select watchpost.retry_later('detect', watchpost.items_of(array(
       select c.events[1] from watchpost.claim as c where c.id = $1
     )), 1)`,
    [claimed[0].id],
  );
  await database.rows(
    `update graphile_worker._private_jobs set locked_at = now(), locked_by = 'old-pool', run_at = now()`,
  );
};

describe.skipIf(!programs)(`a dump of a live database ${needsPrograms}`, () => {
  let folder: string;
  let source: TestDatabase;
  let restored: TestDatabase;
  let head: string;
  const key = randomBytes(32);
  beforeAll(async () => {
    folder = await temporaryFolder();
    atEnd(() => useEncryptionKey(undefined));
    useEncryptionKey(key);
    source = await freshDatabase();
    restored = await freshDatabase({ empty: true });
    const worker = await runWorker(source, await realVision());
    await source.rows(`insert into watchpost.camera (name, location) values ('gate', 'North gate')`);
    await enrolAda(source);
    await untilFinal(source, await submit(source, sample(1), 'gate'));
    await source.rows('select watchpost.enable_strangers()');
    await untilIdle(source);
    await sealAll(source);
    const { number, digest } = (await readHead(source))!;
    head = `${number} ${digest}`;
    await source.rows(`select watchpost.pause('detect')`);
    await untilIdle(source);
    await source.rows(`select watchpost.resume('detect')`);
    await worker.stop();
    await addBusyWorker(source);
  });

  it('is restored without an error, in the custom format, while events flow', async () => {
    let flowing = true;
    const flow = (async () => {
      while (flowing) await submitMany(source, 1);
    })();
    await pipe(['pg_dump', '--format=custom', `--file=${join(folder, 'dump')}`, source.url]);
    flowing = false;
    await flow;
    await pipe([
      'pg_restore',
      '--exit-on-error',
      '--no-owner',
      `--dbname=${restored.url}`,
      join(folder, 'dump'),
    ]);
    expect(await migrate(restored.pool, log)).toEqual([]);
    expect(await verifyRecord(restored)).toEqual([]);
    expect(await findHead(restored, parseHead(head)!)).toMatchObject({ number: head.split(' ')[0] });
    expect(await readRestores(restored)).toHaveLength(1);
  });

  it('has encrypted photos with their wrapped key, and they can be read with the same key of the settings', async () => {
    const stored = await restored.rows(
      `select bytes from watchpost.image as i where exists (select from watchpost.face as f where f.image_id = i.id)
       union all select crop from watchpost.face`,
    );
    expect(stored.length).toBeGreaterThan(4);
    for (const { bytes } of stored) {
      expect(isEncrypted(bytes)).toBe(true);
      expect(isEncrypted(await fromStored(restored.db, bytes))).toBe(false);
    }
  });

  it('goes on: old claims and jobs are released, a new frame raises its alert, and all is sealed', async () => {
    const worker = await startWorker(
      { database: restored, vision: await realVision() },
      { concurrency: 2, log, pulse: { heartbeatMs: 200, deadAfterSeconds: 3 } },
    );
    atEnd(() => worker.stop());
    const frame = await submit(restored, sample(1), 'gate');
    expect(await untilFinal(restored, frame)).toMatchObject({ state: 'done', faces: 3, alerts: 1 });
    await untilIdle(restored);
    const states = await restored.rows(
      `select s.state, s.code, count(*)::int as photos from watchpost.image_status as s
       where s.faces = 4 or s.state <> 'failed' group by 1, 2 order by 1, 2`,
    );
    expect(states).toEqual([{ state: 'done', code: null, photos: 5 }]);
    expect(
      await restored.rows(
        `select from watchpost.event where topic = 'worker.lost' and payload ->> 'host' = 'old-host'`,
      ),
    ).toHaveLength(1);
    await sealAll(restored);
    expect(await verifyRecord(restored)).toEqual([]);
    const doctor = await watchpost(['doctor'], { DATABASE_URL: restored.url });
    expect(doctor.stdout).not.toMatch(/FAIL(?! {2}vacuum)/);
    const verify = await watchpost(['verify', '--head', head], { DATABASE_URL: restored.url });
    expect(verify.code).toBe(0);
    expect(verify.stdout).toMatch(
      /^ok {4}seal \d+ of \S+: restored from a dump, copied or moved, and continued$/m,
    );
  });
});

describe.skipIf(!programs)(`a plain dump by an owner who is no superuser ${needsPrograms}`, () => {
  it('is restored by another, without the roles, and migrate grants what is missing', async () => {
    const [one, other] = [await freshDatabase({ empty: true }), await freshDatabase({ empty: true })];
    const users = await Promise.all([one, other].map((database) => ownedBy(database)));
    const [from, to] = users as [string, string];
    const migrated = await watchpost(['migrate'], { DATABASE_URL: from });
    expect(migrated).toMatchObject({ code: 0, stderr: '' });
    await submitMany(one, 3);
    await sealAll(one);
    await pipe(
      ['pg_dump', '--no-owner', '--no-privileges', '--exclude-extension=*', from],
      ['psql', '--no-psqlrc', '--quiet', '--set=ON_ERROR_STOP=1', `--dbname=${to}`],
    );
    const doctor = await watchpost(['doctor'], { DATABASE_URL: to });
    expect(doctor.stdout).toMatch(
      /^FAIL {2}schema {5}missing: right usage of graphile_worker for watchpost_work, /m,
    );
    const again = await watchpost(['migrate'], { DATABASE_URL: to });
    expect(again.code).toBe(0);
    expect(again.stdout).toMatch(/^applied: .*sql\/7-rights\/roles\.sql$/m);
    expect(again.stderr).toContain('restored from a dump, copied or moved');
    await sealAll(other);
    expect(await verifyRecord(other)).toEqual([]);
    expect(await readRestores(other)).toHaveLength(1);
  });

  /** Gives a database, with pgvector, to a new user; returns its URL for them. */
  const ownedBy = async (database: TestDatabase): Promise<string> => {
    const user = `owner_${randomBytes(4).toString('hex')}`;
    const name = new URL(database.url).pathname.slice(1);
    await database.rows('create extension vector');
    await database.rows('create extension btree_gist');
    await database.rows(`create role ${user} login`);
    await database.rows(`alter database ${name} owner to ${user}`);
    atEnd(async () => {
      await database.rows(`reassign owned by ${user} to current_user`);
      await database.rows(`drop owned by ${user}`);
      await database.rows(`drop role ${user}`);
    });
    return Object.assign(new URL(database.url), { username: user }).toString();
  };
});
