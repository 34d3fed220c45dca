import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { beforeAll, describe, expect, it } from 'vitest';
import { requireExtensions } from '../../src/database/rights.ts';
import { watchpost } from '../commands/support.ts';
import { atEnd } from '../support/at-end.ts';
import { freePort, type Postgres, startPostgres } from '../support/postgres.ts';
import { findPrograms } from '../support/programs.ts';

const programs = await findPrograms();
const openssl = ['/usr/bin/openssl', '/usr/local/bin/openssl'].find((file) => existsSync(file));
const able = programs !== undefined && openssl !== undefined;
const reason = able ? '' : '(needs DATABASE_URL of a server whose pg_ctl is on this machine, and openssl)';

/** Who may come in, in this order; nobody else may. */
const hba = `
host    all       postgres,plain,other,crowd 127.0.0.1/32 trust
host    all       guarded                    127.0.0.1/32 scram-sha-256
hostssl all       secure                     127.0.0.1/32 trust
`;

describe.skipIf(!able)(`a server that cannot be used is refused at once, in a sentence: ${reason}`, () => {
  let folder: string;
  let data: string;
  let postgres: Postgres;
  let admin: pg.Pool;
  const cert = () => join(folder, 'server.crt');

  const urlOf = (user: string, database = 'postgres', query = '') =>
    `postgres://${user}@127.0.0.1:${postgres.port}/${database}${query}`;

  /** A file in the server's folder, which its user has to own. */
  const write = async (name: string, text: string | Buffer): Promise<void> => {
    await writeFile(join(data, name), text, { mode: 0o600 });
    const { uid, gid } = await stat(data);
    await chown(join(data, name), uid, gid);
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'watchpost-connecting-'));
    await chmod(folder, 0o755);
    atEnd(() => rm(folder, { recursive: true, force: true }));
    data = join(folder, 'data');
    postgres = await startPostgres({ bin: programs, data, port: 0 });
    atEnd(() => postgres.end());
    admin = new pg.Pool({ connectionString: postgres.url, max: 1 });
    admin.on('error', () => {});
    atEnd(() => admin.end());
    await admin.query(`create role guarded login password 'right horse'`);
    for (const name of ['plain', 'other', 'secure']) await admin.query(`create role ${name} login`);
    await admin.query('create role crowd login connection limit 0');
    await write('pg_hba.conf', hba);
    await admin.query('select pg_reload_conf()');
  }, 60_000);

  const refused = async (url: string, words: RegExp, args: string[] = ['migrate']): Promise<void> => {
    const { code, stdout, stderr } = await watchpost(args, { DATABASE_URL: url });
    expect(stderr).toMatch(words);
    expect(stderr).not.toMatch(/^\s+at |horse|hunter2/m);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  };

  it('a wrong password, none, an unknown user or database', async () => {
    await refused(
      urlOf('guarded:hunter2'),
      /^The database at postgres:\/\/guarded:\*\*\*@\S+ cannot be used\. The server refuses the password of guarded\.\nCorrect/,
    );
    await refused(
      urlOf('guarded', 'postgres', '?password=hunter2'),
      /\?password=\*\*\* cannot be used\. .* refuses the password/,
    );
    await refused(
      urlOf('guarded'),
      /asks for the password of guarded, and there is none\.\nAdd it to DATABASE_URL/,
    );
    await refused(urlOf('stranger'), /lets nobody in like this: .*stranger.*\n.*pg_hba\.conf/);
    await refused(
      urlOf('postgres', 'nowhere'),
      /There is no database nowhere\.\nCreate it \(create database "nowhere"\)/,
    );
    expect(
      await watchpost(['sql', 'select 1 as one'], { DATABASE_URL: urlOf('guarded:right%20horse') }),
    ).toMatchObject({ code: 0 });
  });

  it('no connection left for the user', async () => {
    await refused(
      urlOf('crowd'),
      /cannot be used\. The database has no connection left\.\nRun fewer processes .*max_connections/,
    );
  });

  it('nothing that listens, and a host without a name', async () => {
    const port = await freePort();
    await refused(
      `postgres://ada:hunter2@127.0.0.1:${port}/x`,
      new RegExp(`Nothing listens at 127\\.0\\.0\\.1:${port} \\(ECONNREFUSED\\)\\.\nStart the server`),
    );
    await refused(
      'postgres://ada:hunter2@nowhere.invalid/x',
      /The name of the host in nowhere\.invalid:5432 is not known/,
    );
    await refused(
      'postgres:///x?host=/nonexistent',
      /There is no socket \/nonexistent\/\.s\.PGSQL\.5432\.\n/,
    );
  });

  it('TLS that is not there, cannot be trusted, or is asked for', async () => {
    await refused(
      urlOf('postgres', 'postgres', '?sslmode=verify-full'),
      /offers no TLS.*\n.*sslmode=disable/,
    );
    const subject = ['-subj', '/CN=watchpost', '-addext', 'subjectAltName=IP:127.0.0.1'];
    const key = join(folder, 'server.key');
    await promisify(execFile)(openssl!, [
      ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', key, '-out', cert()],
      ...subject,
    ]);
    for (const file of ['server.crt', 'server.key'] as const) {
      await write(file, await readFile(join(folder, file)));
    }
    await admin.query('alter system set ssl = on');
    await admin.query('select pg_reload_conf()');
    await expect.poll(async () => (await admin.query('show ssl')).rows[0].ssl).toBe('on');

    // Not encrypted, or not like this.
    await refused(urlOf('secure'), /lets nobody in like this: .*no encryption/);
    for (const mode of ['prefer', 'require', 'verify-ca', 'verify-full'])
      await refused(
        urlOf('secure', 'postgres', `?sslmode=${mode}`),
        /signed by nobody whom this machine trusts\.\nSet sslrootcert/,
      );
    const good = [
      '?sslmode=no-verify',
      `?sslmode=require&sslrootcert=${cert()}`,
      '?sslmode=require&uselibpqcompat=true',
    ];
    for (const query of good)
      expect(
        await watchpost(['sql', 'select 1 as one'], { DATABASE_URL: urlOf('secure', 'postgres', query) }),
      ).toMatchObject({ code: 0, stderr: '' });
  });

  it('another Postgres than 17 or newer', async () => {
    const bridge = createServer((near) => {
      const far = connect(postgres.port, '127.0.0.1');
      near
        .on('error', () => {})
        .on('close', () => far.destroy())
        .pipe(far);
      far
        .on('error', () => {})
        .on('close', () => near.destroy())
        .on('data', (bytes) =>
          near.write(
            Buffer.from(bytes.toString('latin1').replace(/(server_version\0)\d\d/, '$116'), 'latin1'),
          ),
        );
    });
    await new Promise<void>((resolve) => bridge.listen(0, '127.0.0.1', resolve));
    atEnd(() => bridge.close());
    const { port } = bridge.address() as AddressInfo;
    await refused(
      `postgres://postgres@127.0.0.1:${port}/postgres`,
      /It is PostgreSQL 16\S*.*, and Watchpost needs 17 or newer\.\nUpgrade/,
    );
  });

  it('a user without rights: the statements that it prints are those that are needed', async () => {
    await admin.query('create database bare');
    await refused(
      urlOf('plain', 'bare'),
      /^The user plain lacks rights in the database bare\.\nHave a superuser run this there/,
    );
    const { stderr } = await watchpost(['migrate'], { DATABASE_URL: urlOf('plain', 'bare') });
    const inside = new pg.Client({ connectionString: urlOf('postgres', 'bare') });
    await inside.connect();
    const made = async () =>
      (await inside.query('select nspname from pg_namespace where nspname ~ $1', ['watchpost|graphile']))
        .rows;
    expect(await made(), 'nothing is half done').toEqual([]);
    for (const [, statement] of stderr.matchAll(/^ {2}(.+;)$/gm)) await inside.query(statement!);
    const done = await watchpost(['migrate'], { DATABASE_URL: urlOf('plain', 'bare') });
    expect(done).toMatchObject({ code: 0, stdout: expect.stringMatching(/^applied: /) });

    // A newer version of a function, and a user who does not own it.
    await inside.query(`update watchpost.migration set sha256 = 'old' where name like 'sql/1-base/%'`);
    await inside.query(
      'grant usage on schema watchpost, graphile_worker to other; grant select on all tables in schema watchpost, graphile_worker to other',
    );
    await refused(
      urlOf('other', 'bare'),
      /^The user other may not change the schema of Watchpost: .*\nRun "watchpost migrate" as plain/,
    );
    await inside.end();
  });

  it('a database in another encoding than UTF8', async () => {
    await admin.query(`create database latin encoding 'LATIN1' template template0 locale 'C'`);
    await refused(
      urlOf('postgres', 'latin'),
      /has the encoding LATIN1, and Watchpost needs UTF8\.\n.*encoding 'UTF8' template template0/,
    );
  });

  it.each([
    [{}, {}, /does not have the extension vector\.\nInstall pgvector 0\.8 or newer/],
    [{}, { vector: '0.8.0' }, /does not have the extension btree_gist\.\nInstall the modules/],
    [
      {},
      { vector: '0.8.0', btree_gist: '1.7' },
      /does not have the extension pg_trgm\.\nInstall the modules/,
    ],
    [
      {},
      { vector: '0.7.4', btree_gist: '1.7', pg_trgm: '1.6' },
      /^pgvector 0\.7\.4 is too old; Watchpost needs 0\.8 or newer\.\nInstall/,
    ],
    [
      { vector: '0.7.4' },
      { vector: '0.8.0', btree_gist: '1.7', pg_trgm: '1.6' },
      /too old.*\nThe server has a newer one; .*alter extension vector update;/,
    ],
  ])('extensions installed %j and available %j', (installed, available, words) => {
    expect(() => requireExtensions({ installed, available })).toThrow(words);
  });

  it('a server that is set to read-only, and a standby', async () => {
    await admin.query('create database frozen');
    await admin.query('alter database frozen set default_transaction_read_only = on');
    const readOnly = /takes no writes: default_transaction_read_only is on\.\nSet it to off/;
    await refused(urlOf('postgres', 'frozen'), readOnly);
    await refused(urlOf('postgres', 'frozen'), readOnly, ['work']);

    await postgres.stop();
    await write('standby.signal', '');
    await postgres.start();
    const standby = /takes no writes: it is a standby, or in recovery\.\nSet DATABASE_URL to the primary/;
    await refused(urlOf('postgres'), standby);
    await refused(urlOf('postgres'), standby, ['up']);
    expect(
      await watchpost(['sql', 'select 1 as one'], { DATABASE_URL: urlOf('postgres') }),
      'it can be read',
    ).toMatchObject({ code: 0 });
  });
});
