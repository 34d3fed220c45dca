import type { Database } from '../../database/pool.ts';

interface Step {
  readonly id: string;
  readonly image_id: string;
  readonly topic: string;
  readonly task: string;
  readonly outcome: string;
  readonly items: number;
  readonly duration_ms: number;
  readonly at: Date;
  readonly error: string | null;
}

/** Prints each stage of some photos as it happens, from the record of handled events. */
export class Narrator {
  readonly #database: Database;
  readonly #say: (text: string) => void;
  readonly #photos = new Map<string, { name: string; way: string }>();
  readonly #printed = new Set<string>();
  readonly #began = Date.now();
  #round: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout;

  constructor(database: Database, say: (text: string) => void) {
    this.#database = database;
    this.#say = say;
    this.#timer = setInterval(() => this.#next(), 100);
  }

  /** Prints what happens to this photo from now on. */
  follow(imageId: string, name: string, way: string): void {
    this.#photos.set(imageId, { name, way });
    this.#line(new Date(), name, 'submitted', `by ${way}`);
  }

  /** Prints the rest and stops. */
  async finish(): Promise<void> {
    clearInterval(this.#timer);
    this.#next();
    await this.#round;
  }

  #next(): void {
    this.#round = this.#round.then(() => this.#printNew()).catch(() => {});
  }

  async #printNew(): Promise<void> {
    const { rows } = await this.#database.pool.query<Step>(
      `select
         min(h.id::text) as id, e.image_id, e.topic, h.task, h.outcome, count(*)::integer as items,
         max(h.duration_ms) as duration_ms, max(h.created_at) as at, min(h.error) as error
       from watchpost.event as e
       join watchpost.handling as h on h.event_id = e.id
       where e.image_id = any ($1::uuid[])
       group by e.image_id, e.topic, h.task, h.outcome, h.started_at
       order by max(h.created_at)`,
      [[...this.#photos.keys()]],
    );
    for (const step of rows) {
      if (this.#printed.has(step.id)) continue;
      this.#printed.add(step.id);
      const name = this.#photos.get(step.image_id)?.name ?? '';
      const what = step.outcome === 'done' ? resultOf(step) : `${step.outcome}: ${step.error}`;
      this.#line(step.at, name, step.task, what, step.duration_ms);
    }
  }

  #line(at: Date, photo: string, stage: string, what: string, ms?: number): void {
    const seconds = Math.max(0, (at.getTime() - this.#began) / 1000).toFixed(2);
    const took = ms === undefined ? '' : `${Math.round(ms)} ms`;
    this.#say(
      `${seconds.padStart(7)} s  ${photo.padEnd(12)} ${stage.padEnd(10)} ${what.padEnd(34)} ${took.padStart(7)}`.trimEnd(),
    );
  }
}

const resultOf = (step: Step): string => {
  const { items } = step;
  const faces = items === 1 ? '1 face' : `${items} faces`;
  switch (step.task) {
    case 'detect':
      return `${step.topic} → face`;
    case 'embed':
      return `face.detected → embedding, ${faces}`;
    case 'match':
      return `face.embedded → search, ${faces}`;
    case 'alert':
      return 'match.found → ALERT';
    default:
      return `${step.topic} → done`;
  }
};
