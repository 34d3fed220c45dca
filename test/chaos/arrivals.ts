import { appendFileSync } from 'node:fs';
import pg from 'pg';
import type { Others } from './messages.ts';

/** A photo whose image was seen in the database: what is committed there must stay there. */
export interface Arrived {
  readonly id: string;
  readonly key: string;
  readonly sha256: string;
  /** Name of its camera. */
  readonly camera: string;
}

/** What can arrive: a frame of the camera, a file of the folder, a message of the broker as an image, an event at the other end of it. */
export type Arrival = 'stream' | 'folder' | 'message' | 'event';

interface Wound {
  readonly fault: string;
  /** What has to come again. */
  readonly awaited: readonly Arrival[];
  readonly since: number;
  healed(): void;
}

/**
 * Watches from outside, four times a second, what arrives: frames and messages in the database, events at the other end of the
 * broker. A fault is recovered from when something has arrived of each kind that it stopped, and that began after the fault, or after
 * its end if it lasts. Other faults happen meanwhile, and their time is not subtracted, so the figure is an upper bound.
 */
export class Arrivals {
  readonly #pool: pg.Pool;
  readonly #others: Others | undefined;
  readonly #file: string;
  readonly #arrived = new Map<string, Arrived>();
  readonly #wounds = new Set<Wound>();
  readonly #timer: NodeJS.Timeout;
  /** When the latest of each kind began, in ms since 1970. */
  readonly #latest: Record<Arrival, number> = { stream: 0, folder: 0, message: 0, event: 0 };
  readonly recoveries: { fault: string; seconds: number }[] = [];
  /** Every watcher that has had the camera. */
  readonly watchers = new Set<string>();
  #polling = false;

  /** @param others undefined: there is no broker, and of it nothing is awaited. */
  constructor(url: string, file: string, others: Others | undefined) {
    this.#pool = new pg.Pool({
      connectionString: url,
      max: 1,
      application_name: 'arrivals',
      query_timeout: 10_000,
    });
    this.#pool.on('error', () => {});
    this.#pool.on('connect', (client) => client.on('error', () => {}));
    this.#others = others;
    this.#file = file;
    this.#timer = setInterval(() => void this.#poll(), 250);
  }

  get all(): readonly Arrived[] {
    return [...this.#arrived.values()];
  }

  get open(): { fault: string; seconds: number }[] {
    return [...this.#wounds].map(({ fault, since }) => ({ fault, seconds: (Date.now() - since) / 1000 }));
  }

  /** Begins to measure; resolves when it is recovered from. */
  wounded(fault: string, awaited: readonly Arrival[]): Promise<void> {
    return new Promise((healed) => {
      this.#wounds.add({ fault, awaited, since: Date.now(), healed });
    });
  }

  async end(): Promise<void> {
    clearInterval(this.#timer);
    await this.#pool.end();
  }

  async #poll(): Promise<void> {
    if (this.#polling) return;
    this.#polling = true;
    try {
      // None is older whose transaction could still be running.
      const { rows } = await this.#pool.query<Arrived & { captured_at: Date }>(
        `select i.id, i.idempotency_key as key, encode(i.sha256, 'hex') as sha256, c.name as camera, i.captured_at
         from watchpost.image as i join watchpost.camera as c on c.id = i.camera_id
         where i.purpose = 'probe' and i.id >= watchpost.uuidv7_at(now() - interval '60 seconds')`,
      );
      for (const { captured_at, ...one } of rows) this.#note(one, captured_at.getTime());
      const watched = await this.#pool.query<{ watcher: string }>(
        'select watcher from watchpost.camera_watch where watcher is not null',
      );
      for (const { watcher } of watched.rows) this.watchers.add(watcher);
    } catch {
      // The database is away: nothing arrives.
    } finally {
      this.#polling = false;
    }
    const delivered = this.#others?.delivered ?? [];
    for (const { at } of delivered.slice(-50)) this.#latest.event = Math.max(this.#latest.event, at);
    this.#heal();
  }

  #note(one: Arrived, capturedAt: number): void {
    if (this.#arrived.has(one.id)) return;
    this.#arrived.set(one.id, one);
    appendFileSync(this.#file, `${JSON.stringify(one)}\n`);
    const message = this.#others?.sent.find(({ key }) => key === one.key);
    const kind = message ? 'message' : one.camera === 'stream' ? 'stream' : 'folder';
    this.#latest[kind] = Math.max(this.#latest[kind], message?.at ?? capturedAt);
  }

  #heal(): void {
    const possible: readonly Arrival[] = this.#others
      ? ['stream', 'folder', 'message', 'event']
      : ['stream', 'folder'];
    for (const wound of this.#wounds) {
      const awaited = wound.awaited.filter((kind) => possible.includes(kind));
      if (awaited.some((kind) => this.#latest[kind] <= wound.since)) continue;
      this.#wounds.delete(wound);
      this.recoveries.push({ fault: wound.fault, seconds: (Date.now() - wound.since) / 1000 });
      wound.healed();
    }
  }
}
