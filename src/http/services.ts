import type { MiddlewareHandler } from 'hono';
import type { RequestIdVariables } from 'hono/request-id';
import type { Kysely } from 'kysely';
import type { Config } from '../config.ts';
import type { Database } from '../database/pool.ts';
import type { DB } from '../database/types.generated.ts';
import type { Log } from '../log.ts';
import type { Metrics } from '../monitoring/metrics/index.ts';
import type { Vision } from '../vision/index.ts';
import type { Hold } from './bytes-in-flight.ts';
import type { Key } from './key.ts';

/** Limits of the table in limits.ts that a test may set lower. */
interface HttpLimits {
  readonly bytesInFlight: number;
  readonly bodySeconds: number;
  readonly fetchSeconds: number;
  readonly streams: number;
  readonly streamsPerKey: number;
}

/** What the routes use. */
export interface Services {
  readonly config: Pick<Config, 'maxBodyBytes' | 'maxPixels' | 'maxBacklog' | 'maxBacklogPerKey'> &
    Partial<
      Pick<
        Config,
        | 'outgoing'
        | 'ingestUrl'
        | 'hosts'
        | 'compatibility'
        | 'giveVectors'
        | 'metrics'
        | 'accessLog'
        | 'oidc'
      >
    > &
    Partial<HttpLimits>;
  readonly database: Database;
  /** Makes this process look at the outbox now. Called after each call that may have written; see nudge.ts. */
  readonly nudge: () => void;
  readonly vision: Vision;
  /** This process's row in `worker`, for the tasks that POST /v1/tasks runs here. */
  readonly workerId: string;
  /** Aborted when the server stops: calls that wait for something are answered with the state so far. */
  readonly stopping?: AbortSignal;
  readonly log: Log;
  /** What /metrics answers; undefined: nothing is measured. */
  readonly metrics?: Metrics | undefined;
  /** Makes a span of each call; undefined: nothing is traced. */
  readonly traceCalls?: MiddlewareHandler | undefined;
}

/** Type of the Hono app: the variables that middleware sets for each call. */
export interface Served {
  Variables: RequestIdVariables & {
    /** How the record names whoever makes the call: `api:NAME` of the key, or `oidc:` and the person who is logged in. */
    actor: string;
    key: Key;
    /** The database as this key may see it. Routes use it, and `asCaller`, and not the database of the services. */
    db: Kysely<DB>;
    /** Bytes held for the body, when it must have arrived, in ms since 1970, and the most bytes that any route reads. */
    receiving: { readonly hold: Hold; readonly dueAt: number; readonly most: number };
    /** The body, where it was read before the route was asked; see readAhead. */
    body: Buffer | undefined;
    /** The trace of the call, where calls are traced. */
    traceparent: string | undefined;
  };
}
