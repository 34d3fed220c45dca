import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../config.ts';
import type { Database } from '../database/pool.ts';
import { Backlog } from '../intake/index.ts';
import type { Log } from '../log.ts';
import type { Bridge, Link, Target } from './bridge.ts';
import { connectBroker } from './brokers/index.ts';
import { readCredentials } from './credentials.ts';
import { holdBridges, Lease } from './lease.ts';
import { mostMessageBytes } from './photo-message.ts';
import { publishEvents } from './publish.ts';
import { reasonOf } from './reason.ts';
import { type ReceiveConfig, receiveMessage } from './receive.ts';

/** What a bridge process needs. */
export interface BridgeTools {
  readonly database: Database;
  readonly config: ReceiveConfig & Pick<Config, 'maxBacklog' | 'maxBacklogPerKey' | 'pulse'>;
  readonly log: Log;
}

/** Milliseconds before the second attempt to connect, and the most before a later one. */
const pauses = { first: 500, longest: 10_000 };

/**
 * Does the work of all enabled bridges that no other process does, until it is stopped. Their rows are read at each heartbeat, which
 * renews the leases too: one that was changed begins anew, one that was disabled ends.
 */
export class BridgeProcess {
  readonly id = crypto.randomUUID();
  readonly #tools: BridgeTools;
  readonly #running = new Map<string, Running>();
  readonly #stopping = new AbortController();
  readonly #ended: Promise<void>;

  constructor(tools: BridgeTools) {
    this.#tools = tools;
    this.#ended = this.#run();
  }

  /** Ends everything; leases are released, so that another process need not wait. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#ended;
  }

  async #run(): Promise<void> {
    const { pulse } = this.#tools.config;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await this.#look().catch((error) =>
        this.#tools.log.warn({ reason: String(error) }, 'the leases of the bridges could not be renewed'),
      );
      await sleep(pulse.heartbeatMs, undefined, { signal }).catch(() => {});
    }
    await Promise.all([...this.#running.values()].map((one) => one.release()));
  }

  async #look(): Promise<void> {
    const { database, config } = this.#tools;
    const seconds = config.pulse.deadAfterSeconds;
    const until = performance.now() + seconds * 1000;
    const held = await holdBridges(database, this.id, seconds);
    for (const bridge of held) {
      const revision = JSON.stringify(bridge);
      const before = this.#running.get(bridge.id);
      if (before?.revision === revision) {
        before.lease.renew(until);
        continue;
      }
      await before?.end();
      const lease = new Lease(database, bridge.id, this.id);
      lease.renew(until);
      this.#running.set(bridge.id, new Running(this.#tools, bridge, lease, revision));
    }
    const ids = new Set(held.map(({ id }) => id));
    for (const [id, running] of this.#running) {
      if (ids.has(id)) await running.lease.flush();
      else {
        this.#running.delete(id);
        await running.release();
      }
    }
  }
}

/** One bridge at work. */
class Running {
  readonly lease: Lease;
  readonly revision: string;
  readonly #tools: BridgeTools;
  readonly #bridge: Bridge;
  readonly #stopping = new AbortController();
  readonly #ended: Promise<void>;

  constructor(tools: BridgeTools, bridge: Bridge, lease: Lease, revision: string) {
    this.#tools = tools;
    this.#bridge = bridge;
    this.lease = lease;
    this.revision = revision;
    this.#ended = this.#run();
  }

  async end(): Promise<void> {
    this.#stopping.abort();
    await this.#ended;
  }

  /** Ends it, and the lease, so that another process need not wait for its end. */
  async release(): Promise<void> {
    await this.end();
    await this.lease.release().catch(() => {});
  }

  async #run(): Promise<void> {
    const { log } = this.#tools;
    const { signal } = this.#stopping;
    for (let pause = pauses.first; !signal.aborted; pause = Math.min(pause * 2, pauses.longest)) {
      let link: Link | undefined;
      try {
        link = await connectBroker(await this.#target());
        await this.lease.note({ connected: true });
        log.info({ bridge: this.#bridge.name }, 'connected to the broker');
        pause = pauses.first;
        await this.#work(link);
      } catch (error) {
        const reason = reasonOf(error);
        if (!signal.aborted)
          log.warn({ bridge: this.#bridge.name, reason }, 'the bridge is interrupted; trying again');
        await this.lease.note({ connected: false, error: reason }).catch(() => {});
      } finally {
        await link?.close();
      }
      await sleep(pause, undefined, { signal }).catch(() => {});
    }
  }

  async #work(link: Link): Promise<void> {
    const { database, config } = this.#tools;
    const { signal } = this.#stopping;
    const bridge = this.#bridge;
    if (bridge.direction === 'out') {
      const position = await readPosition(database, bridge.id);
      await publishEvents(database, bridge, link, this.lease, position, signal);
      return;
    }
    const backlog = new Backlog(database, config);
    await link.consume(async (message) => {
      const outcome = await receiveMessage(database, backlog, config, bridge, message);
      this.lease.received(!('image' in outcome));
      return outcome;
    });
    await Promise.race([untilAborted(signal), link.lost]);
    await this.lease.flush();
  }

  async #target(): Promise<Target> {
    const { database, config } = this.#tools;
    return {
      bridge: this.#bridge,
      credentials: await readCredentials(database, this.#bridge),
      outgoing: config.outgoing,
      maxBytes: mostMessageBytes(config.maxBodyBytes),
    };
  }
}

const readPosition = async ({ db }: Database, id: string): Promise<string | null> =>
  (
    await db
      .selectFrom('watchpost.bridge_state')
      .select('position')
      .where('bridge_id', '=', id)
      .executeTakeFirstOrThrow()
  ).position;

const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
