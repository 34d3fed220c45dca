import { Hono } from 'hono';
import { limits } from '../limits.ts';
import { alerts } from './alerts.ts';
import { requireApiKey } from './api-key.ts';
import { refuseBody } from './bodies.ts';
import { receiveWithin } from './body.ts';
import { BytesInFlight } from './bytes-in-flight.ts';
import { calibrations } from './calibrations.ts';
import { cameras } from './cameras.ts';
import { consolePage } from './console.ts';
import { deadLetters } from './dead-letters.ts';
import { endpoints } from './endpoints.ts';
import { faces } from './faces.ts';
import { health } from './health.ts';
import { images } from './images.ts';
import { nudgeAfterWrites } from './nudge.ts';
import { persons } from './persons.ts';
import { problemHandler, unknownRoute } from './problem.ts';
import { refuseQuery } from './queries.ts';
import type { Served, Services } from './services.ts';
import { strangers } from './strangers.ts';
import { tasks } from './tasks.ts';
import { watchlists } from './watchlists.ts';

/** The API. /healthz, /readyz and the page /console need no API key; everything under /v1 does. */
export const createApp = (services: Services): Hono<Served> => {
  const { bytesInFlight = limits.bytesInFlight.max, bodySeconds = limits.bodySeconds.max } = services.config;
  const v1 = new Hono<Served>()
    .use(requireApiKey(services))
    .use(nudgeAfterWrites(services.nudge))
    .use(refuseQuery)
    .use(receiveWithin(new BytesInFlight(bytesInFlight), bodySeconds))
    .use(refuseBody)
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
    .route('/console', consolePage())
    .route('/v1', v1);
};
