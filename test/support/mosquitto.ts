import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import mqtt, { type MqttClient } from 'mqtt';
import { atEnd } from './at-end.ts';
import { freePort } from './postgres.ts';

/** Debian has the broker where only root looks for programs. */
const environment = { ...process.env, PATH: [process.env.PATH, '/usr/sbin'].join(delimiter) };

export const hasMosquitto =
  spawnSync('mosquitto', ['-h'], { env: environment }).error === undefined &&
  spawnSync('mosquitto_passwd', ['-h'], { env: environment }).error === undefined;
export const needsMosquitto = '(needs mosquitto)';

/** A broker on loopback that asks for guard and secret; killed when the test file has ended, at the latest. */
export const startMosquitto = async (port?: number) => {
  const at = port ?? (await freePort());
  const folder = mkdtempSync(join(tmpdir(), 'watchpost-mosquitto-'));
  const passwords = join(folder, 'passwords');
  execFileSync('mosquitto_passwd', ['-c', '-b', passwords, 'guard', 'secret'], {
    env: environment,
    stdio: 'ignore',
  });
  writeFileSync(
    join(folder, 'mosquitto.conf'),
    `listener ${at} 127.0.0.1\nallow_anonymous false\npassword_file ${passwords}\nuser root\n`,
  );
  const child = spawn('mosquitto', ['-c', join(folder, 'mosquitto.conf')], {
    env: environment,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`mosquitto ended:\n${log}`)));
    child.stderr.on('data', (text) => {
      log += text;
      if (/ running/.test(log)) resolve();
    });
  });
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    rmSync(folder, { recursive: true, force: true });
  };
  atEnd(stop);
  return { url: `mqtt://127.0.0.1:${at}`, port: at, stop };
};

/** A client of the broker; closed when the test file has ended. It waits for the broker. */
export const connectTo = async (url: string): Promise<MqttClient> => {
  const client = await mqtt.connectAsync(
    url,
    { username: 'guard', password: 'secret', reconnectPeriod: 50 },
    true,
  );
  atEnd(() => client.endAsync(true));
  return client;
};
