import { Hono, type MiddlewareHandler, type Next } from 'hono';
import { requestId } from 'hono/request-id';
import { z } from 'zod';
import { mostBase64 } from '../intake/index.ts';
import { limits } from '../limits.ts';
import { Turns } from '../search/index.ts';
import { access } from './access.ts';
import { logAccess } from './access-log.ts';
import { Admission } from './admission.ts';
import { alerts } from './alerts.ts';
import { requireApiKey } from './api-key.ts';
import { receiveWithin } from './body.ts';
import { bridges } from './bridges.ts';
import { BytesInFlight } from './bytes-in-flight.ts';
import { calibrations } from './calibrations.ts';
import { cameras } from './cameras.ts';
import { compreface } from './compreface/routes.ts';
import { consolePage } from './console.ts';
import { deadLetters } from './dead-letters.ts';
import { deepface } from './deepface/routes.ts';
import { deliveries } from './deliveries.ts';
import { docsPage } from './docs.ts';
import { endpoints } from './endpoints.ts';
import { erasures, imageErasures, personErasures } from './erasures.ts';
import { events } from './events.ts';
import { evidence } from './evidence.ts';
import { faces } from './faces.ts';
import { health } from './health.ts';
import { checkHost } from './hosts.ts';
import { images } from './images.ts';
import { keys } from './keys.ts';
import { links } from './links.ts';
import { merges } from './merges.ts';
import { metrics } from './metrics.ts';
import { noSniff } from './no-sniff.ts';
import { nudgeAfterWrites } from './nudge.ts';
import { openIdLogin } from './open-id-login.ts';
import { openApi } from './openapi.ts';
import { operation } from './operation.ts';
import { paging } from './paging.ts';
import { persons } from './persons.ts';
import { pipeline } from './pipeline.ts';
import { plans } from './plans.ts';
import { problemHandler, unknownRoute } from './problem.ts';
import { retention } from './retention.ts';
import { RowStreams } from './row-streams.ts';
import { seals } from './seals.ts';
import { searches } from './searches.ts';
import { pastSearches, sightings } from './seen.ts';
import type { Served, Services } from './services.ts';
import { sessions } from './sessions.ts';
import { sites } from './sites.ts';
import { storedPhotos } from './stored-photos.ts';
import { strangerAlerts } from './stranger-alerts.ts';
import { strangerRules } from './stranger-rules.ts';
import { strangers } from './strangers.ts';
import { tasks } from './tasks.ts';
import { tracks } from './tracks.ts';
import { watchlists } from './watchlists.ts';
import { workers } from './workers.ts';

/** What watches each call, where it is configured. */
const watching = ({ config, log, metrics: measuring, traceCalls }: Services): MiddlewareHandler<Served> => {
  const watchers: MiddlewareHandler<Served>[] = [
    ...(config.accessLog ? [logAccess(log)] : []),
    ...(measuring ? [measuring.calls] : []),
    ...(traceCalls ? [traceCalls] : []),
  ];
  return (c, next) =>
    watchers.reduceRight<() => Promise<unknown>>(
      (inner, watcher) => () => watcher(c, inner as Next),
      next,
    )() as Promise<void>;
};

/** Names, faces and photos: what a browser or a proxy has kept would be looked at without a trace. */
const notKept: MiddlewareHandler<Served> = async (c, next) => {
  c.header('Cache-Control', 'no-store');
  return next();
};

/**
 * The API, and the console. /healthz, /readyz, /openapi.json, /session, /links and the pages /docs and /console need no API key;
 * everything under /v1 needs one, or a session.
 */
export const createApp = (services: Services) => {
  const {
    bytesInFlight = limits.bytesInFlight.max,
    bodySeconds = limits.bodySeconds.max,
    maxBodyBytes,
  } = services.config;
  const turns = new Turns();
  const admission = new Admission(services);
  const streams = new RowStreams(services);
  const budget = new BytesInFlight(bytesInFlight);
  const guarded = () =>
    new Hono<Served>()
      .use(notKept)
      .use(requireApiKey(admission))
      .use(nudgeAfterWrites(services.nudge))
      .use(receiveWithin(budget, bodySeconds, mostBase64(maxBodyBytes)));
  const unguarded = () =>
    new Hono<Served>().use(notKept).use(receiveWithin(budget, bodySeconds, limits.jsonBytes.max));
  const v1 = guarded()
    .route('/images', images(services))
    .route('/images', imageErasures())
    .route('/images', storedPhotos(turns))
    .route('/faces', faces())
    .route('/persons', persons(services))
    .route('/persons', personErasures())
    .route('/merges', merges())
    .route('/sightings', sightings())
    .route('/searches', pastSearches())
    .route('/tracks', tracks())
    .route('/erasures', erasures())
    .route('/watchlists', watchlists())
    .route('/watchlists', paging())
    .route('/cameras', cameras())
    .route('/plans', plans(services, turns))
    .route('/calibrations', calibrations())
    .route('/alerts', alerts(services, streams))
    .route('/alerts', evidence())
    .route('/events', events(services, streams))
    .route('/strangers', strangers(services))
    .route('/stranger-rules', strangerRules())
    .route('/stranger-alerts', strangerAlerts())
    .route('/endpoints', endpoints(services))
    .route('/deliveries', deliveries())
    .route('/bridges', bridges())
    .route('/workers', workers())
    .route('/tasks', tasks(services))
    .route('/dead-letters', deadLetters())
    .route('/access', access())
    .route('/seals', seals())
    .route('/retention', retention())
    .route('/keys', keys())
    .route('/sites', sites())
    .route('/pipeline', pipeline())
    .route('/', searches(services, turns));

  // A slash at the end of an address, as people type it, changes nothing.
  const app = new Hono<Served>({ strict: false })
    .use(requestId({ headerName: 'Request-Id', limitLength: 128 }))
    .onError(problemHandler(services.log))
    .notFound(unknownRoute)
    .use(noSniff)
    .use(watching(services))
    .use(checkHost(services.config.hosts ?? []))
    .route('/', health(services))
    .route('/metrics', metrics(services))
    .get('/', (c) => c.redirect('/console/'))
    .route('/console', consolePage())
    .route(
      '/session',
      unguarded().route('/', sessions(services, admission)).route('/', openIdLogin(services)),
    )
    .route('/links', unguarded().route('/', links(services)))
    .route('/docs', docsPage())
    .route('/v1', v1);

  const compatible = { compreface, deepface };
  for (const product of services.config.compatibility ?? []) {
    app.route(`/${product}`, compatible[product]({ ...services, turns }, guarded()));
  }

  let document: object | undefined;
  return app.get(
    '/openapi.json',
    operation({
      summary: 'This document',
      scope: null,
      answers: { 200: z.looseObject({ openapi: z.literal('3.1.0') }) },
    }),
    (c) => {
      document ??= openApi(app.routes);
      return c.json(document);
    },
  );
};

/** The type of the API, from which its client has its types. */
export type App = ReturnType<typeof createApp>;
