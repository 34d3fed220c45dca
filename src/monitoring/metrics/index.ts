import type { MiddlewareHandler } from 'hono';
import { routePath } from 'hono/route';
import { collectDefaultMetrics, Registry } from 'prom-client';
import type { Database } from '../../database/pool.ts';
import type { Log } from '../../log.ts';
import type { Observer } from '../../observer.ts';
import type { Vision } from '../../vision/index.ts';
import { processMetrics } from './catalogue.ts';
import { installationMetrics } from './installation.ts';
import { observeBatches } from './observe.ts';

/** What /metrics answers, and what has to be told what happens in this process. Loaded only where it is configured. */
export interface Metrics {
  readonly observer: Observer;
  /** The same models, each call of which is measured. */
  measured(vision: Vision): Vision;
  /** Measures the calls of the API. */
  readonly calls: MiddlewareHandler;
  /** The metrics as Prometheus reads them. It is answered, without those of the database, while that is away. */
  render(): Promise<{ type: string; text: string }>;
}

/**
 * Begins to measure.
 *
 * @param options.installation whether what is read from the database is there too: by the API, once for all processes.
 * @param options.keptMs how long what was read from the database is kept, 5 s unless given; invariants 60 times as long.
 */
export const startMetrics = (
  database: Database,
  options: { installation: boolean; log: Log; keptMs?: number },
): Metrics => {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const own = processMetrics([registry]);
  const installation = options.installation ? installationMetrics(database, registry, options) : undefined;

  const measureOwn = () => {
    const pools = { queries: database.pool, jobs: database.jobs };
    for (const [pool, { totalCount, idleCount, waitingCount }] of Object.entries(pools)) {
      own.pool.set({ pool, state: 'busy' }, totalCount - idleCount);
      own.pool.set({ pool, state: 'idle' }, idleCount);
      own.pool.set({ pool, state: 'waiting' }, waitingCount);
    }
    own.away.set(database.outage.away ? 1 : 0);
  };

  return {
    observer: observeBatches(own),
    measured: (vision) => measuredVision(vision, own),
    calls: async (c, next) => {
      const end = own.requests.startTimer();
      await next();
      end({ method: c.req.method, route: routeOf(routePath(c, -1)), status: c.res.status });
    },
    async render() {
      measureOwn();
      await installation?.read();
      return { type: registry.contentType, text: await registry.metrics() };
    },
  };
};

/** The pattern of a route; a call to none is counted under one name, whatever its address is. */
const routeOf = (path: string): string => (path.endsWith('*') || path === '' ? 'none' : path);

const measuredVision = (vision: Vision, { models }: ReturnType<typeof processMetrics>): Vision => {
  const timed = async <T>(call: string, run: () => Promise<T>): Promise<T> => {
    const end = models.startTimer({ call });
    try {
      return await run();
    } finally {
      end();
    }
  };
  return {
    ...vision,
    findFaces: (...call) => timed('faces', () => vision.findFaces(...call)),
    embed: (crops) => timed('embed', () => vision.embed(crops)),
    estimateDemography: (...call) => timed('describe', () => vision.estimateDemography(...call)),
  };
};
