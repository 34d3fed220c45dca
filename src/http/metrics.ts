import { getConnInfo } from '@hono/node-server/conninfo';
import { type Context, Hono } from 'hono';
import { requestId } from 'hono/request-id';
import ipaddr from 'ipaddr.js';
import { WatchpostError } from '../errors.ts';
import { openLog } from '../log.ts';
import type { Metrics } from '../monitoring/metrics/index.ts';
import { noSniff } from './no-sniff.ts';
import { operation } from './operation.ts';
import { problemHandler, unknownRoute } from './problem.ts';
import { startServer } from './server.ts';
import type { Served, Services } from './services.ts';

const answers = { 200: { type: 'text/plain' } };

/** GET /metrics, for Prometheus: without a key, and by default for callers on this machine only. */
export const metrics = ({ metrics: measuring, config }: Pick<Services, 'metrics' | 'config'>) =>
  new Hono<Served>().get(
    '/',
    operation({
      summary: 'The metrics of this process and of the installation, for Prometheus',
      description: 'WATCHPOST_METRICS=loopback answers callers on this machine, open answers everybody.',
      scope: null,
      answers,
      errors: ['route_unknown', 'metrics_local'],
    }),
    async (c) => {
      if (!measuring) {
        throw new WatchpostError('route_unknown', 'Nothing is measured here.', {
          hint: 'Start the API with WATCHPOST_METRICS=loopback, or open.',
        });
      }
      if (config.metrics !== 'open') assertLocal(c);
      return answerWith(c, measuring);
    },
  );

/**
 * A proxy on this machine passes on calls of others, and says so.
 *
 * @throws {WatchpostError} metrics_local.
 */
const assertLocal = (c: Context<Served>): void => {
  const { address } = getConnInfo(c).remote;
  const isLocal = address !== undefined && ipaddr.process(address).range() === 'loopback';
  const isPassedOn = ['forwarded', 'x-forwarded-for', 'via'].some((name) => c.req.header(name) !== undefined);
  if (isLocal && !isPassedOn) return;
  throw new WatchpostError('metrics_local', 'The metrics are read on this machine only.', {
    hint: 'Start the API with WATCHPOST_METRICS=open, where only those who may read them can reach it.',
  });
};

const answerWith = async (c: Context<Served>, measuring: Metrics): Promise<Response> => {
  const { type, text } = await measuring.render();
  c.header('Cache-Control', 'no-store');
  return c.body(text, 200, { 'content-type': type });
};

/**
 * A server of its own for the metrics of a worker, which serves nothing else.
 *
 * @throws {CommandError} as startServer does.
 */
export const serveMetrics = (measuring: Metrics, host: string, port: number) => {
  const app = new Hono<Served>()
    .use(requestId({ headerName: 'Request-Id', limitLength: 128 }))
    .onError(problemHandler(openLog('silent')))
    .notFound(unknownRoute)
    .use(noSniff)
    .get('/metrics', (c) => answerWith(c, measuring));
  return startServer(app, host, port, { connections: 32 });
};
