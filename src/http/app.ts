import { Hono } from 'hono';
import type { Config } from '../config.ts';
import type { Database } from '../database/pool.ts';
import { limits } from '../limits.ts';
import type { Log } from '../log.ts';
import type { Vision } from '../vision/index.ts';
import { alerts } from './alerts.ts';
import { requireApiKey } from './api-key.ts';
import { receiveWithin } from './body.ts';
import { BytesInFlight, type Hold } from './bytes-in-flight.ts';
import { calibrations } from './calibrations.ts';
import { cameras } from './cameras.ts';
import { console } from './console.ts';
import { deadLetters } from './dead-letters.ts';
import { endpoints } from './endpoints.ts';
import { faces } from './faces.ts';
import { health } from './health.ts';
import { images } from './images.ts';
import { persons } from './persons.ts';
import { problemHandler, unknownRoute } from './problem.ts';
import { refuseQuery } from './queries.ts';
import { strangers } from './strangers.ts';
import { tasks } from './tasks.ts';
import { watchlists } from './watchlists.ts';

/** Limits of the table that a test may set lower. */
export interface HttpLimits {
  readonly bytesInFlight: number;
  readonly bodySeconds: number;
  readonly streams: number;
  readonly streamsPerKey: number;
}

/** What the resources use. */
export interface Services {
  readonly config: Pick<Config, 'maxBodyBytes' | 'maxPixels' | 'maxBacklog' | 'maxBacklogPerKey'> &
    Partial<Pick<Config, 'plainHttpWebhooks'>> &
    Partial<HttpLimits>;
  readonly database: Database;
  /** Nudged after each commit, so that work begins at once. */
  readonly relay: { nudge(): void };
  readonly vision: Vision;
  /** This process's row in `worker`, for tasks that are called here. */
  readonly workerId: string;
  /** Aborted when the server stops: calls that wait for something are answered with what there is. */
  readonly stopping?: AbortSignal;
  readonly log: Log;
}

/** What a call carries through the API: the name of its API key, and what its body may take. */
export interface Served {
  Variables: {
    caller: string;
    /** `dueAt`: when the body has to be here, in ms since 1970. */
    receiving: { readonly hold: Hold; readonly dueAt: number };
  };
}

/** The API: /healthz, /readyz and the page /console for whoever asks, everything under /v1 with an API key. */
export const createApp = (services: Services): Hono<Served> => {
  const { bytesInFlight = limits.bytesInFlight.max, bodySeconds = limits.bodySeconds.max } = services.config;
  const v1 = new Hono<Served>()
    .use(requireApiKey(services.database))
    .use(refuseQuery)
    .use(receiveWithin(new BytesInFlight(bytesInFlight), bodySeconds))
    .route('/images', images(services))
    .route('/faces', faces(services))
    .route('/persons', persons(services))
    .route('/watchlists', watchlists(services))
    .route('/cameras', cameras(services))
    .route('/calibrations', calibrations(services))
    .route('/alerts', alerts(services))
    .route('/strangers', strangers(services))
    .route('/endpoints', endpoints(services))
    .route('/tasks', tasks(services))
    .route('/dead-letters', deadLetters(services));

  return new Hono<Served>()
    .onError(problemHandler(services.log))
    .notFound(unknownRoute)
    .route('/', health(services))
    .route('/console', console())
    .route('/v1', v1);
};
