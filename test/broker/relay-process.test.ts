import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import pino from 'pino';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { Relay } from '../../src/broker/relay.ts';
import { openDatabase } from '../../src/database/pool.ts';
import { openLog } from '../../src/log.ts';
import { connectClient, untilBlocked } from '../support/client.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';
import { emit, firstNumbers, jobsOf, numbersIn, subscribe } from './support.ts';

describe('the relay of a process', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await freshDatabase();
  });

  const untilJobs = async (task: string, events: number) => {
    const jobs = await until(async () => {
      const found = await jobsOf(database, task);
      return numbersIn(found).length >= events && found;
    });
    expect(numbersIn(jobs)).toEqual(firstNumbers(events));
  };

  it('relays when it is nudged, though it was not started', async () => {
    await subscribe(database, { task: 'nudged', batch_size: 100 });
    const relay = new Relay(database, openLog('silent'));
    onTestFinished(() => relay.stop());
    await emit(database, 'nudged', 5);
    relay.nudge();
    await untilJobs('nudged', 5);
  });

  it('lets rows become jobs with their own transaction, but not while every slot is at work, nor many at a time', () => {
    const relay = new Relay(database, openLog('silent'));
    relay.setBusy(true);
    expect(relay.handsOver()).toBe(false);
    relay.setBusy(false);
    const [first, ...others] = Array.from({ length: 1000 }, () => relay.handsOver());
    expect(first).toBe(true);
    expect(others).toContain(false);
  });

  it('goes on until a backlog larger than a round is relayed', async () => {
    await subscribe(database, { task: 'backlog', batch_size: 500 });
    const relay = new Relay(database, openLog('silent'));
    onTestFinished(() => relay.stop());
    await emit(database, 'backlog', 4500);
    relay.nudge();
    await untilJobs('backlog', 4500);
  });

  it('finds by polling what others have inserted, again and again', async () => {
    await subscribe(database, { task: 'polled' });
    const relay = new Relay(database, openLog('silent'));
    onTestFinished(() => relay.stop());
    relay.start();
    const other = await connectClient(database);
    for (const round of [1, 2]) {
      await other.query(
        `insert into watchpost.event (topic, subject_id, payload, tasks)
         values ('test.polled', watchpost.uuidv7(), jsonb_build_object('n', $1::int), '{polled}')`,
        [round - 1],
      );
      await untilJobs('polled', round);
    }
  });

  it('relays nothing more once it is stopped', async () => {
    await subscribe(database, { task: 'late' });
    const relay = new Relay(database, openLog('silent'));
    relay.start();
    await relay.stop();
    await emit(database, 'late', 1);
    relay.nudge();
    await relay.stop();
    expect(await jobsOf(database, 'late')).toEqual([]);
    await database.rows('select watchpost.relay()');
    expect(await jobsOf(database, 'late')).toHaveLength(1);
  });

  it('survives an outage of the database and goes on', async () => {
    await subscribe(database, { task: 'outlived' });
    const wire = await openWire(database.url);
    const log = recordingLog();
    const through = openDatabase(wire.url, { log: log.log });
    const relay = new Relay(through, log.log);
    onTestFinished(async () => {
      await relay.stop();
      await through.close();
      await wire.cut();
    });
    relay.start();
    await emit(database, 'outlived', 1);
    await untilJobs('outlived', 1);

    await wire.cut();
    await log.line(/the database is away/);
    await database.rows(
      `insert into watchpost.event (topic, subject_id, payload, tasks)
       values ('test.outlived', watchpost.uuidv7(), '{"n": 1}', '{outlived}')`,
    );
    await wire.mend();
    await log.line(/the database is back/);
    await untilJobs('outlived', 2);
    expect(
      log.lines.filter((line) => /the database is away/.test(line)),
      'one outage is told once',
    ).toHaveLength(1);
  });

  it.skipIf(!onServer)(
    `survives that its backend is killed in the middle of a round ${needsServer}`,
    async () => {
      await subscribe(database, { task: 'killed' });
      const relay = new Relay(database, openLog('silent'));
      onTestFinished(() => relay.stop());
      await emit(database, 'killed', 3);

      const blocker = await connectClient(database);
      await blocker.query('begin');
      await blocker.query('lock table watchpost.outbox in access exclusive mode');
      relay.start();
      const [backend] = await untilBlocked(database);
      const { rows } = await blocker.query('select pg_terminate_backend($1) as killed', [backend]);
      expect(rows).toEqual([{ killed: true }]);
      await blocker.query('rollback');
      await untilJobs('killed', 3);
    },
  );
});

/** A log whose lines can be waited for, past or future. */
const recordingLog = () => {
  const lines: string[] = [];
  const log = pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) });
  return {
    log,
    lines,
    line: (pattern: RegExp) => until(async () => lines.find((line) => pattern.test(line))),
  };
};

/** A way to a database that can be cut and mended, on one port. */
const openWire = async (url: string) => {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  let server: Server;
  const listen = async (port: number): Promise<number> => {
    server = createServer((near) => {
      const far = connect(Number(target.port || 5432), target.hostname);
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        sockets.add(from);
        from.on('error', () => {});
        from.on('close', () => to.destroy());
        from.pipe(to);
      }
    });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  };
  const port = await listen(0);
  const through = new URL(url);
  through.hostname = '127.0.0.1';
  through.port = String(port);
  return {
    url: through.toString(),
    async mend() {
      await listen(port);
    },
    async cut() {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      sockets.clear();
      await closed;
    },
  };
};
