import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt from 'mqtt';
import { atEnd } from '../../support/at-end.ts';
import { freePort } from '../../support/postgres.ts';
import { until } from '../../support/until.ts';

/** Debian's package has it in /usr/sbin, which is not on every PATH. */
const program = ['mosquitto', '/usr/sbin/mosquitto'].find((one) => !spawnSync(one, ['-h']).error);

/** Whether Mosquitto is on this machine. */
export const hasBroker = program !== undefined;

/** A Mosquitto on this machine that keeps retained messages, with what it was told so far. */
export const openBroker = async () => {
  const folder = mkdtempSync(join(tmpdir(), 'watchpost-mosquitto-'));
  const port = await freePort();
  const file = join(folder, 'mosquitto.conf');
  writeFileSync(file, `listener ${port} 127.0.0.1\nallow_anonymous true\n`);
  const child: ChildProcess = spawn(program as string, ['-c', file], { stdio: 'ignore' });
  atEnd(async () => {
    client?.end(true);
    if (child.exitCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    rmSync(folder, { recursive: true, force: true });
  });
  await until(() => answers(port));
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`);
  /** The latest payload of each topic; of one that was emptied none. */
  const topics = new Map<string, Buffer>();
  /** All payloads of each topic, in the order of arrival. */
  const said = new Map<string, string[]>();
  client.on('message', (topic, payload) => {
    said.set(topic, [...(said.get(topic) ?? []), payload.toString()]);
    if (payload.length === 0) topics.delete(topic);
    else topics.set(topic, payload);
  });
  await client.subscribeAsync('#', { qos: 1 });
  const json = (topic: string) => {
    const payload = topics.get(topic);
    return payload && JSON.parse(payload.toString());
  };
  return { url: `mqtt://127.0.0.1:${port}`, topics, said, json };
};

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
