import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { sealAll, submitMany, tamper } from '../support/record.ts';

describe('watchpost verify', () => {
  let database: TestDatabase;
  let folder: string;
  let events: string[];

  const verify = (...args: string[]): Promise<{ code: number; out: string; err: string }> =>
    new Promise((resolve) => {
      const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
      execFile(
        process.execPath,
        [main, 'verify', ...args],
        { env: { ...process.env, DATABASE_URL: database.url, WATCHPOST_LOG: 'silent' } },
        (error, out, err) => resolve({ code: error ? Number(error.code) : 0, out, err }),
      );
    });

  beforeAll(async () => {
    database = await freshDatabase();
    folder = await mkdtemp(join(tmpdir(), 'watchpost-verify-'));
    afterAll(() => rm(folder, { recursive: true, force: true }));
    events = await submitMany(database, 5);
  });

  it('has no head before anything is sealed', async () => {
    expect(await verify('--head')).toMatchObject({
      code: 1,
      err: expect.stringContaining('Nothing is sealed yet'),
    });
  });

  it('prints what it compared, and a head that is found again', async () => {
    await sealAll(database);
    expect(await verify()).toMatchObject({
      code: 0,
      out: [
        'ok    5 rows are as they were sealed, in 1 seals; 0 are not sealed yet',
        'ok    the tables hold what the record says; --full compares faces, and every photo and match, too',
        'note  whether the owner of the database rewrote both rows and seals shows only by a head that was kept elsewhere: verify --head FILE\n',
      ].join('\n'),
    });
    expect((await verify('--full')).out).toContain('ok    the tables hold what the record says\n');
    const head = await verify('--head');
    expect(head.out).toMatch(/^1 [0-9a-f]{64} \d{4}-\d\d-\d\dT[\d:.]+Z\n$/);
    await writeFile(join(folder, 'heads'), `an older line\n${head.out}`);
    const against = await verify('--head', join(folder, 'heads'));
    expect(against).toMatchObject({
      code: 0,
      out: expect.stringContaining('the head that was kept is seal 1'),
    });
    expect(against.out, 'a head is kept').not.toContain('note');
    expect(await verify('--head', head.out.split(' ')[1] as string)).toMatchObject({ code: 0 });
  });

  it('refuses a text that is not a head', async () => {
    expect(await verify('--head', join(folder, 'nowhere'))).toMatchObject({ code: 1 });
    await writeFile(join(folder, 'other'), 'nothing of the kind\n');
    expect(await verify('--head', join(folder, 'other'))).toMatchObject({
      code: 1,
      err: expect.stringContaining('no digest'),
    });
  });

  it('fails if one of the heads that were kept is gone', async () => {
    const head = await verify('--head');
    await writeFile(join(folder, 'two heads'), `1 ${'a'.repeat(64)}\n${head.out}`);
    expect(await verify('--head', join(folder, 'two heads'))).toMatchObject({
      code: 1,
      out: expect.stringContaining(
        `not part of the chain: it was rewritten since\n      1 ${'a'.repeat(64)}`,
      ),
    });
    const { code, out } = await verify('--head', 'a'.repeat(64));
    expect(code).toBe(1);
    expect(out).toContain('FAIL  the head that was kept is not part of the chain');
  });

  it('names what was deleted by hand and fails', async () => {
    const [{ id }] = (await database.rows('select id from watchpost.image limit 1')) as [{ id: string }];
    await tamper(
      database,
      `create table public.kept as select * from watchpost.image where id = '${id}'`,
      `delete from watchpost.image where id = '${id}'`,
    );
    expect(await verify()).toMatchObject({
      code: 1,
      out: expect.stringContaining(`FAIL  row_deleted  image ${id}\n      The record has it since `),
    });
    await tamper(database, 'insert into watchpost.image select * from public.kept', 'drop table public.kept');
    expect(await verify()).toMatchObject({ code: 0 });
  });

  it('names what was altered and fails', async () => {
    await tamper(database, `update watchpost.event set topic = 'x' where id = '${events[3]}'`);
    const plain = await verify();
    expect(plain).toMatchObject({
      code: 1,
      out: expect.stringContaining(`seal 1  row_altered  event ${events[3]}`),
    });
    const json = await verify('--json');
    expect(json.code).toBe(1);
    expect(JSON.parse(json.out)).toMatchObject({
      ok: false,
      rows: 5,
      findings: [{ seal: '1', what: 'row_altered', relation: 'event', row_id: events[3] }],
    });
  });
});
