import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { expect } from 'vitest';
import { BridgeProcess } from '../../src/bridge/index.ts';
import { openLog } from '../../src/log.ts';
import { watchpost } from '../commands/support.ts';
import { atEnd } from '../support/at-end.ts';
import { type Certificate, trust } from '../support/certificates.ts';
import type { TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { outgoing } from '../support/pipeline.ts';
import { until } from '../support/until.ts';

/** Settings of a bridge process for brokers on this machine. */
export const bridgeSettings = { WATCHPOST_OUTGOING_ALLOW: '127.0.0.1', WATCHPOST_LOG: 'warn' };

/** A bridge process within this one, with a quick pulse; stopped when the test file has ended. */
export const runBridge = (database: TestDatabase, calls = outgoing): BridgeProcess => {
  const bridge = new BridgeProcess({
    database,
    config: {
      maxBodyBytes: 20 * 2 ** 20,
      maxPixels: 64_000_000,
      outgoing: calls,
      ingestUrl: true,
      maxBacklog: 20_000,
      maxBacklogPerKey: 10_000,
      pulse: { heartbeatMs: 100, deadAfterSeconds: 3 },
    },
    log: openLog('silent'),
  });
  atEnd(() => bridge.stop());
  return bridge;
};

/** Resolves when these bridges are connected. */
export const untilConnected = (database: TestDatabase, ...names: string[]): Promise<unknown> =>
  until(async () => {
    const [{ n }] = (await database.rows(
      'select count(*)::integer as n from watchpost.bridge_status where connected and name = any ($1)',
      [names],
    )) as [{ n: number }];
    return n === names.length;
  }, 50);

/** A broker that speaks TLS as broker.example. */
export interface SecureBroker {
  readonly kind: 'kafka' | 'rabbitmq' | 'nats' | 'mqtt';
  readonly scheme: string;
  readonly port: number;
  readonly address: string;
}

/** Events go to brokers whose certificate is trusted under the name that it has, and in no other case. */
export const goByTls = async (
  database: TestDatabase,
  brokers: readonly SecureBroker[],
  certificate: Certificate,
): Promise<void> => {
  await prepare(database);
  for (const { kind, scheme, port, address } of brokers)
    await database.rows(
      `select watchpost.add_bridge($1 || ' ' || host, $1, 'out', $2 || '://' || host || '.example:' || $3, $4, '{image.received}')
       from unnest('{broker,other}'::text[]) as host`,
      [kind, scheme, String(port), address],
    );
  const good = brokers.map(({ kind }) => `${kind} broker`);
  const others = brokers.map(({ kind }) => `${kind} other`);
  const all = async (names: string[], condition: string) =>
    until(async () => {
      const [row] = await database.rows<{ n: number }>(
        `select count(*)::integer as n from watchpost.bridge_status where name = any ($1) and ${condition}`,
        [names],
      );
      return row!.n === names.length;
    }, 50);
  const bridge = runBridge(database, { ...outgoing, resolve: async () => ['127.0.0.1'] });
  await all(
    [...good, ...others],
    `not connected and error ~ '^the broker cannot be connected: its certificate is signed by nobody .*NODE_EXTRA_CA_CERTS'`,
  );
  trust(certificate);
  await submitSome(database, 2);
  await all(good, 'connected and published >= 2');
  await all(others, `not connected and published = 0 and error ~ 'certificate is for another name'`);
  const { stdout } = await watchpost(['bridge', 'list'], { DATABASE_URL: database.url });
  expect(stdout.match(/certificate is for another name/g)).toHaveLength(others.length);
  await bridge.stop();
};

/** Two cameras, and a photo. */
export const prepare = async (database: TestDatabase): Promise<Buffer> => {
  for (const name of ['gate', 'yard'])
    await database.rows('insert into watchpost.camera (name, location) values ($1, $1)', [name]);
  return sample(1);
};

/** Submits so many photos by SQL, from both cameras in turn; each is an event image.received. */
export const submitSome = async (database: TestDatabase, count: number): Promise<void> => {
  for (let n = 0; n < count; n++)
    await database.rows(`select watchpost.submit_image(convert_to($1, 'UTF8'), $2)`, [
      `${Math.random()}`,
      n % 2 ? 'gate' : 'yard',
    ]);
};

/** What the record has: the ids of the events that go out, in order, by camera. */
export const expected = async (database: TestDatabase): Promise<Record<string, string[]>> => {
  const rows = await database.rows<{ camera: string; ids: string[] }>(
    `select c.name as camera, array_agg(e.id::text order by e.xid, e.id) as ids
     from watchpost.event as e
     join watchpost.image as i on i.id = e.image_id
     join watchpost.camera as c on c.id = i.camera_id
     where e.topic = 'image.received'
     group by c.name order by c.name`,
  );
  return Object.fromEntries(rows.map(({ camera, ids }) => [camera, ids]));
};

/** A CloudEvent as a consumer read it. */
export interface Seen {
  readonly id: string;
  readonly camera: string;
}

/** The first appearances by camera, in the order in which they came. */
export const firsts = (seen: readonly Seen[]): Record<string, string[]> => {
  const byCamera: Record<string, Set<string>> = {};
  for (const { id, camera } of seen) {
    byCamera[camera] ??= new Set();
    byCamera[camera].add(id);
  }
  return Object.fromEntries(
    Object.entries(byCamera)
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([camera, ids]) => [camera, [...ids]]),
  );
};

/** The images that came in by a bridge. */
export const imagesOf = (database: TestDatabase, bridge: string) =>
  database.rows<{ idempotency_key: string; camera: string | null; captured_at: Date; bytes: Buffer }>(
    `select i.idempotency_key, c.name as camera, i.captured_at, i.bytes
     from watchpost.image as i left join watchpost.camera as c on c.id = i.camera_id
     where i.submitted_by = $1 order by i.idempotency_key`,
    [`bridge:${bridge}`],
  );

/** Resolves when a bridge has handled so many messages, and expects so many of them to be refused. */
export const untilReceived = async (
  database: TestDatabase,
  bridge: string,
  received: number,
  refused: number,
) => {
  const [row] = await until(async () => {
    const rows = await database.rows<{ images: number; refused: number }>(
      `select (select count(*)::integer from watchpost.image where submitted_by = 'bridge:' || $1) as images,
              (select count(distinct (r.message_id, r.sha256))::integer from watchpost.bridge_refusal as r
               join watchpost.bridge as b on b.id = r.bridge_id where b.name = $1) as refused`,
      [bridge],
    );
    return rows[0]!.images + rows[0]!.refused >= received && rows;
  }, 50);
  expect(row!.refused).toBe(refused);
};

const ajv = new Ajv2020();
formats.default(ajv);
const schema = ajv.compile(
  JSON.parse(readFileSync(new URL('../../docs/bridge-event.schema.json', import.meta.url), 'utf8')),
);

/** That a message is what the documentation says. */
export const assertSchema = (event: unknown): void => {
  schema(event);
  expect(schema.errors).toBeNull();
};
