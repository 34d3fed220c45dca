import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { atEnd } from './at-end.ts';
import { freePort } from './postgres.ts';

const places = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/usr/local/sbin'];

/** The program; undefined where it is not installed. */
export const pgbouncer = places.map((place) => join(place, 'pgbouncer')).find((file) => existsSync(file));

/**
 * Starts a PgBouncer in front of a database; ended when the test file has ended.
 *
 * @param databaseUrl of a server that lets its user in without a password, or with the one in the URL.
 * @param settings of pgbouncer.ini, such as pool_mode.
 * @returns the URL of the same database through it.
 */
export const startPgbouncer = async (
  databaseUrl: string,
  settings: Record<string, string | number>,
): Promise<string> => {
  const { hostname, port, pathname, username, password } = new URL(databaseUrl);
  const folder = await mkdtemp(join(tmpdir(), 'watchpost-pgbouncer-'));
  // It runs as another user than root.
  await chmod(folder, 0o755);
  const listenPort = await freePort();
  const secret = password ? ` password=${decodeURIComponent(password)}` : '';
  const all = {
    listen_addr: '127.0.0.1',
    listen_port: listenPort,
    unix_socket_dir: '',
    auth_type: 'any',
    default_pool_size: 40,
    ...settings,
  };
  await writeFile(
    join(folder, 'pgbouncer.ini'),
    `[databases]
${pathname.slice(1)} = host=${hostname} port=${port || 5432} user=${decodeURIComponent(username)}${secret}
[pgbouncer]
${Object.entries(all)
  .map(([name, value]) => `${name} = ${value}`)
  .join('\n')}
`,
  );
  const asUser = process.getuid?.() === 0 ? ['-u', 'nobody'] : [];
  const child = spawn(pgbouncer!, [...asUser, join(folder, 'pgbouncer.ini')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = new Promise((resolve) => child.once('close', resolve));
  atEnd(async () => {
    child.kill('SIGKILL');
    await ended;
    await rm(folder, { recursive: true, force: true });
  });
  let log = '';
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.stderr.on('data', (text) => {
      log += text;
      if (log.includes('process up')) resolve();
    });
    void ended.then(() => reject(new Error(`pgbouncer ended:\n${log}`)));
  });
  return Object.assign(new URL(databaseUrl), { host: `127.0.0.1:${listenPort}`, password: '' }).toString();
};
