import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { atEnd } from './at-end.ts';
import type { Certificate } from './certificates.ts';
import { freePort } from './postgres.ts';

/** Real brokers, each on a free port of 127.0.0.1 with a temporary folder; ended when the test file has ended. */

const places = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/usr/lib/rabbitmq/bin'];

/** Where a program is; undefined where it is not installed. */
const find = (name: string): string | undefined =>
  places.map((place) => join(place, name)).find((file) => existsSync(file));

export const programs = {
  /** .ci/brokers makes the first; not the script in /usr/sbin, which becomes another user. */
  rabbitmq:
    find('watchpost-rabbitmq') ?? ['/usr/lib/rabbitmq/bin/rabbitmq-server'].find((file) => existsSync(file)),
  epmd: find('epmd'),
  nats: find('nats-server'),
  mosquitto: find('mosquitto'),
  kcat: find('kcat'),
  /** A Python that has Celery. */
  celery:
    find('celery-python') ??
    (existsSync('/usr/lib/python3/dist-packages/celery') ? '/usr/bin/python3' : undefined),
};

/** A broker that can be killed and started again with what it has stored. */
export interface Broker {
  readonly port: number;
  /** kill -9. */
  crash(): Promise<void>;
  start(): Promise<void>;
}

interface Start {
  readonly port: number;
  readonly folder: string;
}

/** @param ready what it prints when it takes connections. */
const startBroker = async (
  prepare: (start: Start) => Promise<{ command: [string, ...string[]]; env?: Record<string, string> }>,
  ready: RegExp,
): Promise<Broker> => {
  const folder = await mkdtemp(join(tmpdir(), 'watchpost-broker-'));
  const port = await freePort();
  const { command, env = {} } = await prepare({ port, folder });
  let child: ChildProcess | undefined;
  let ended: Promise<unknown> = Promise.resolve();
  const start = async () => {
    const [program, ...args] = command;
    const started = spawn(program, args, {
      cwd: folder,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child = started;
    ended = new Promise((resolve) => started.once('close', resolve));
    let log = '';
    await new Promise<void>((resolve, reject) => {
      started.once('error', reject);
      for (const stream of [started.stdout, started.stderr]) {
        stream.on('data', (text) => {
          log += text;
          if (ready.test(log)) resolve();
        });
      }
      void ended.then(() => reject(new Error(`${program} ended:\n${log}`)));
    });
  };
  const crash = async () => {
    child?.kill('SIGKILL');
    await ended;
  };
  atEnd(async () => {
    await crash();
    await rm(folder, { recursive: true, force: true });
  });
  await start();
  return { port, crash, start };
};

/**
 * RabbitMQ without plugins, and an epmd of its own.
 *
 * @param certificate by which it speaks TLS at another port.
 */
export const startRabbitmq = async (
  certificate?: Certificate,
): Promise<Broker & { readonly securePort: number }> => {
  const securePort = await freePort();
  const epmdPort = String(await freePort());
  const epmd = spawn(programs.epmd!, ['-port', epmdPort, '-address', '127.0.0.1'], { stdio: 'ignore' });
  atEnd(() => epmd.kill('SIGKILL'));
  const distPort = String(await freePort());
  const broker = await startBroker(async ({ port, folder }) => {
    await writeFile(join(folder, 'plugins'), '[].');
    const secure = certificate
      ? `listeners.ssl.1 = 127.0.0.1:${securePort}
ssl_options.cacertfile = ${certificate.certFile}
ssl_options.certfile = ${certificate.certFile}
ssl_options.keyfile = ${certificate.keyFile}
ssl_options.verify = verify_none
`
      : '';
    await writeFile(join(folder, 'rabbitmq.conf'), `listeners.tcp.1 = 127.0.0.1:${port}\n${secure}`);
    return {
      command: [programs.rabbitmq!],
      env: {
        HOME: folder,
        ERL_EPMD_PORT: epmdPort,
        ERL_EPMD_ADDRESS: '127.0.0.1',
        RABBITMQ_NODENAME: `watchpost${port}@localhost`,
        RABBITMQ_DIST_PORT: distPort,
        RABBITMQ_CONFIG_FILE: join(folder, 'rabbitmq.conf'),
        RABBITMQ_CONF_ENV_FILE: join(folder, 'none'),
        RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'plugins'),
        RABBITMQ_MNESIA_BASE: join(folder, 'data'),
        RABBITMQ_LOG_BASE: join(folder, 'log'),
        RABBITMQ_LOGS: '-',
        RABBITMQ_PID_FILE: join(folder, 'pid'),
        // The script becomes the server, so that this process has its id.
        RABBITMQ_ALLOW_INPUT: 'true',
        RABBITMQ_SERVER_START_ARGS: '-noinput',
        // Schedulers that wait by spinning took a core.
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none',
      },
    };
  }, /Server startup complete/);
  return { ...broker, securePort };
};

/** @param certificate with which it speaks TLS only. */
export const startNats = (certificate?: Certificate): Promise<Broker> =>
  startBroker(
    async ({ port, folder }) => ({
      command: [
        ...([programs.nats!, '-a', '127.0.0.1', '-p', String(port), '-js', '-sd', folder] as const),
        ...(certificate ? ['--tls', '--tlscert', certificate.certFile, '--tlskey', certificate.keyFile] : []),
      ],
    }),
    /Server is ready/,
  );

/**
 * Mosquitto that keeps sessions and retained messages on disk.
 *
 * @param login user and password that it asks for; omitted: it lets everybody in.
 * @param certificate with which it speaks TLS only.
 */
export const startMosquitto = async (
  login?: [string, string],
  certificate?: Certificate,
): Promise<Broker & { readonly url: string }> => {
  const broker = await startBroker(async ({ port, folder }) => {
    await mkdir(join(folder, 'data'));
    const passwords = join(folder, 'passwords');
    if (login) execFileSync('mosquitto_passwd', ['-c', '-b', passwords, ...login], { stdio: 'ignore' });
    await writeFile(
      join(folder, 'mosquitto.conf'),
      `listener ${port} 127.0.0.1
${login ? `allow_anonymous false\npassword_file ${passwords}` : 'allow_anonymous true'}
user root
${certificate ? `certfile ${certificate.certFile}\nkeyfile ${certificate.keyFile}` : ''}
persistence true
persistence_location ${join(folder, 'data')}/
autosave_interval 1
autosave_on_changes true
max_queued_messages 0
`,
    );
    return { command: [programs.mosquitto!, '-c', join(folder, 'mosquitto.conf')] };
  }, / running/);
  return { ...broker, url: `mqtt${certificate ? 's' : ''}://127.0.0.1:${broker.port}` };
};

/** librdkafka's double of a Kafka cluster, which speaks the real protocol and keeps nothing on disk; its address. */
export const startKafkaDouble = async (): Promise<string> => {
  const args = ['-P', '-t', 'warm', '-X', 'test.mock.num.brokers=1', '-b', 'ignored:1', '-d', 'mock'];
  const child = spawn(programs.kcat!, args, { stdio: ['pipe', 'ignore', 'pipe'] });
  const ended = new Promise((resolve) => child.once('close', resolve));
  atEnd(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  let log = '';
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.stderr.on('data', (text) => {
      log += text;
      const [, address] = /(127\.0\.0\.1:\d+)/.exec(log) ?? [];
      if (address) resolve(address);
    });
    void ended.then(() => reject(new Error(`kcat ended:\n${log}`)));
  });
};
