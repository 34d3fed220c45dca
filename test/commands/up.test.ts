import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { beforeAll, describe, expect, it } from 'vitest';
import { ask, formOf } from '../http/support.ts';
import { atEnd } from '../support/at-end.ts';
import { sample, samplePath } from '../support/photos.ts';
import { until } from '../support/until.ts';
import { Command, processesWith, temporaryFolder, watchpost } from './support.ts';

/** On the embedded database, whatever the rest of the suite runs on, as in a fresh clone. */
describe('up, on a machine without a database', () => {
  let folder: string;
  let up: Command;
  let said: { url: string; key: string; sql: string };
  let client: pg.Client;

  const start = async (): Promise<void> => {
    up = new Command(['up'], { WATCHPOST_DATA: folder, WATCHPOST_METRICS: 'loopback' });
    await up.says(/^Stop: +Ctrl-C$/m);
    const [, url, file, shown] = await up.says(
      /API +(http:\S+)\n +API key +cat (\S+)\n +SQL +psql '(postgres:\S+)'\n/,
    );
    // As libpq does it, which the driver does not: the password is in the passfile that the URL names.
    const sql = new URL(shown!);
    const passfile = await readFile(sql.searchParams.get('passfile')!, 'utf8');
    sql.search = '';
    sql.password = passfile.trim().split(':').at(-1)!;
    said = { url: url!, key: (await readFile(file!, 'utf8')).trim(), sql: sql.href };
  };

  beforeAll(async () => {
    folder = join(await temporaryFolder(), 'data');
    await start();
    client = new pg.Client({ connectionString: said.sql });
    await client.connect();
    atEnd(() => client.end().catch(() => {}));
  });

  const rows = async (text: string, values: unknown[] = []) => (await client.query(text, values)).rows;
  const call = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
    ask(`${said.url}${path}`, method, body, { authorization: `Bearer ${said.key}`, ...headers });

  it('prints the URL of the API, where its key is and the psql line, and each of them works', async () => {
    expect((await ask(`${said.url}/readyz`, 'GET')).status).toBe(200);
    const { status, body } = await call('POST', '/v1/images', formOf(sample(4)));
    expect(status).toBe(202);
    const ended = await call('GET', `/v1/images/${body.id}`, undefined, { prefer: 'wait=50' });
    expect(ended.body).toMatchObject({ state: 'done', faces: [{}, {}, {}, {}] });
    expect(await rows('select state, faces from watchpost.image_status')).toEqual([
      { state: 'done', faces: 4 },
    ]);
    const metrics = await (await fetch(`${said.url}/metrics`)).text();
    expect(metrics).toMatch(/^watchpost_faces_total 4$/m);
    expect(metrics).toMatch(/^watchpost_workers\{state="alive"\} 1$/m);
    expect(up.stdout).toContain(`curl -H "Authorization: Bearer $(cat ${join(folder, 'api-key')})"`);
  });

  it('listens on this machine only, and keeps the key for its owner only, and out of what it prints', async () => {
    expect(new URL(said.url).hostname).toBe('127.0.0.1');
    expect(new URL(said.sql).hostname).toBe('127.0.0.1');
    const file = join(folder, 'api-key');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readFile(file, 'utf8')).toBe(`${said.key}\n`);
    expect(said.key).toMatch(/^wp_/);
    expect(up.stdout + up.stderr).not.toContain('wp_');
    expect(up.stdout + up.stderr).not.toContain(new URL(said.sql).password);
  });

  it('is refused a second time in the same folder, and says who holds it', async () => {
    const { code, stdout, stderr } = await watchpost(['up'], { WATCHPOST_DATA: folder });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(`${folder} is in use: process `);
    expect(stderr).toContain(`:${new URL(said.sql).port}/postgres`);
    expect(stderr).not.toContain(new URL(said.sql).password);
    expect(stderr).toMatch(/npm run worker.*WATCHPOST_DATA/);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect((await ask(`${said.url}/readyz`, 'GET')).status).toBe(200);
  });

  it('says so when its port is taken, and what to do', async () => {
    const PORT = new URL(said.url).port;
    const { code, stderr } = await watchpost(['up', '--no-worker'], {
      DATABASE_URL: said.sql,
      PORT,
      WATCHPOST_DATA: folder,
    });
    expect(code).toBe(1);
    expect(stderr).toContain(
      `Port ${PORT} on 127.0.0.1 is taken: stop what listens there, or set PORT to another one.`,
    );
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  it('notices a taken port before it makes anything', async () => {
    const untouched = join(await temporaryFolder(), 'never');
    const [api, database] = [new URL(said.url).port, new URL(said.sql).port];
    for (const [setting, port] of [
      ['PORT', api],
      ['WATCHPOST_DATABASE_PORT', database],
    ] as const) {
      for (const command of ['up', 'demo']) {
        const { code, stdout, stderr } = await watchpost([command], {
          [setting]: port,
          WATCHPOST_DATA: untouched,
        });
        expect({ code, stdout }, `${command} with ${setting}`).toEqual({ code: 1, stdout: '' });
        expect(stderr).toBe(
          `Port ${port} on 127.0.0.1 is taken: stop what listens there, or set ${setting} to another one.\n`,
        );
      }
    }
    await expect(stat(untouched)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('is found through the folder by work and by the other commands', async () => {
    const work = new Command(['work', '--metrics-port', '0'], { WATCHPOST_DATA: folder });
    const [, id] = await work.says(/^worker (\S+) is at work/m);
    const [, metrics] = await work.says(/^metrics: (\S+)$/m);
    expect(await (await fetch(metrics!)).text()).toContain('watchpost_stage_duration_seconds');
    const alive = 'select pid, stopped_at from watchpost.worker where id = $1';
    expect(await rows(alive, [id])).toEqual([{ pid: work.pid, stopped_at: null }]);
    const submitted = await watchpost(['submit', samplePath(5), '--wait'], { WATCHPOST_DATA: folder });
    expect(submitted.stdout).toMatch(/^sample5\.jpg {2}\S+ {2}done {2}faces=5 /);
    expect(await work.stop()).toBe(0);
    expect(await rows(alive, [id])).toEqual([{ pid: work.pid, stopped_at: expect.any(Date) }]);
  });

  it('leaves no process when it ends, and has its data and its key again at the next start', async () => {
    const before = said;
    const [{ images }] = (await rows('select count(*)::int as images from watchpost.image')) as [
      { images: number },
    ];
    expect(await processesWith(folder)).not.toEqual([]);
    client.on('error', () => {});
    expect(await up.stop('SIGINT')).toBe(0);
    await until(async () => (await processesWith(folder)).length === 0);

    await start();
    expect(said.key).toBe(before.key);
    const count = await watchpost(['sql', '--json', 'select count(*)::int as images from watchpost.image'], {
      WATCHPOST_DATA: folder,
    });
    expect(JSON.parse(count.stdout)).toEqual([{ images }]);
    const workers = await watchpost(
      ['sql', '--json', 'select count(*)::int as open from watchpost.worker where stopped_at is null'],
      { WATCHPOST_DATA: folder },
    );
    expect(JSON.parse(workers.stdout)).toEqual([{ open: 1 }]);
    expect(await up.stop('SIGTERM')).toBe(0);
    await until(async () => (await processesWith(folder)).length === 0);
  });
});
