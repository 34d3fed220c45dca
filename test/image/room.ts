import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** What a base image would have, taken from this machine: programs and libraries, read-only. */
const lent = ['usr', 'etc/ssl'];

/** Names of the environment that a build takes over: how to reach the registry. */
const passedOn = /^(https?_proxy|no_proxy|NODE_EXTRA_CA_CERTS|SSL_CERT_FILE)$/i;

/** Mounts these and runs the command; in a mount namespace of its own, so that nothing stays mounted. */
const enter = `
set -eu
room=$1 user=$2; shift 2
for path in ${lent.join(' ')}; do mount --rbind "/$path" "$room/$path"; mount -o remount,bind,ro "$room/$path"; done
for path in proc dev; do mount --rbind "/$path" "$room/$path"; done
mount --bind "$NODE_PROGRAM" "$room/opt/node/bin/node"
mount --bind "$NPM_PACKAGE" "$room/opt/node/npm"
exec chroot --userspec="$user" "$room" /usr/bin/env -i "$@"
`;

/**
 * Stands in for a container of `node:24-bookworm-slim`: a folder that is the root of what runs in it, with this
 * machine's programs, Node 24, npm and an unprivileged user `node`. Needs Linux and root.
 */
export class Room {
  /** Its root as seen from outside. */
  readonly root: string;
  folder = '/';
  user = 'root';
  readonly environment: Record<string, string> = {};

  constructor(root: string) {
    this.root = root;
    for (const path of [...lent, 'proc', 'dev', 'opt/node/bin', 'opt/node/npm', 'root', 'home/node'])
      mkdirSync(join(root, path), { recursive: true });
    mkdirSync(join(root, 'tmp'));
    chmodSync(join(root, 'tmp'), 0o1777);
    chownSync(join(root, 'home/node'), 1000, 1000);
    for (const path of ['bin', 'sbin', 'lib', 'lib64']) symlinkSync(`usr/${path}`, join(root, path));
    for (const path of ['resolv.conf', 'hosts', 'nsswitch.conf'])
      writeFileSync(join(root, 'etc', path), readFileSync(`/etc/${path}`));
    writeFileSync(
      join(root, 'etc/passwd'),
      'root:x:0:0::/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh\n',
    );
    writeFileSync(join(root, 'etc/group'), 'root:x:0:\nnode:x:1000:\n');
    writeFileSync(join(root, 'opt/node/bin/node'), '');
    symlinkSync('../npm/bin/npm-cli.js', join(root, 'opt/node/bin/npm'));
  }

  /**
   * Runs a command in it and waits for its end.
   *
   * @throws if it ends with anything but 0.
   */
  run(command: readonly string[]): void {
    const npm = process.env.npm_execpath;
    if (!npm) throw new Error('Start this with npm: npm run image');
    const environment = {
      ...Object.fromEntries(Object.entries(process.env).filter(([name]) => passedOn.test(name))),
      HOME: this.user === 'root' ? '/root' : `/home/${this.user}`,
      PATH: '/opt/node/bin:/usr/local/bin:/usr/bin:/bin',
      ...this.environment,
    };
    const assignments = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
    const inFolder = ['sh', '-c', 'cd "$0" && exec "$@"', this.folder, ...command];
    const entering = ['sh', '-c', enter, 'sh', this.root, this.user, ...assignments, ...inFolder];
    execFileSync('unshare', ['--mount', '--propagation', 'private', ...entering], {
      stdio: 'inherit',
      env: { ...process.env, NODE_PROGRAM: process.execPath, NPM_PACKAGE: dirname(dirname(npm)) },
    });
  }
}
