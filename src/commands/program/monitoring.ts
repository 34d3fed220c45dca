import type { Database } from '../../database/pool.ts';
import { assertPortFree } from '../../http/listening.ts';
import type { Metrics } from '../../monitoring/metrics/index.ts';
import type { Tracing } from '../../monitoring/tracing/index.ts';
import { observers } from '../../observer.ts';
import type { Tools } from '../../stages/stage.ts';
import type { Vision } from '../../vision/index.ts';
import type { Context } from './session.ts';

type Settings = Pick<Context, 'config' | 'log' | 'stopper'>;

/** What watches this process: undefined where it is not configured. Then what it takes is not even loaded. */
export interface Watching {
  readonly metrics: Metrics | undefined;
  readonly tracing: Tracing | undefined;
}

/**
 * Opens what the settings ask for.
 *
 * @param options.measures whether to measure; by the settings of the API unless given.
 * @param options.installation whether /metrics has what is read from the database, too.
 */
export const openWatching = async (
  { config, log, stopper }: Settings,
  database: Database,
  options: { measures?: boolean; installation: boolean },
): Promise<Watching> => {
  const { measures = config.metrics !== 'off', installation } = options;
  let metrics: Metrics | undefined;
  if (measures) {
    const { startMetrics } = await import('../../monitoring/metrics/index.ts');
    metrics = startMetrics(database, { installation, log });
  }
  let tracing: Tracing | undefined;
  if (config.traces) {
    const { startTracing } = await import('../../monitoring/tracing/index.ts');
    const started = startTracing(database);
    stopper.add(() => started.stop());
    tracing = started;
  }
  return { metrics, tracing };
};

/** What a worker uses, watched. */
export const watchedTools = (
  { config }: Pick<Context, 'config'>,
  database: Database,
  models: Vision,
  { metrics, tracing }: Watching,
): Tools => {
  const measured = metrics?.measured(models) ?? models;
  return {
    database,
    vision: tracing?.traced(measured) ?? measured,
    outgoing: tracing?.onward(config.outgoing) ?? config.outgoing,
    observer: observers([metrics?.observer, tracing?.observer].filter((one) => one !== undefined)),
  };
};

/**
 * Watches a worker, and answers /metrics on a port of its own, if the settings or the option name one: on loopback, unless
 * WATCHPOST_METRICS=open, then on HOST.
 *
 * @returns the address of the metrics; undefined: they are not answered.
 * @throws {CommandError} if the port is taken.
 */
export const watchWorker = async (
  context: Settings,
  database: Database,
  port: number | undefined = context.config.metricsPort,
): Promise<Watching & { url: string | undefined }> => {
  const { config, stopper } = context;
  const host = config.metrics === 'open' ? config.host : '127.0.0.1';
  if (port !== undefined) await assertPortFree(host, port, 'WATCHPOST_METRICS_PORT');
  const watching = await openWatching(context, database, {
    measures: port !== undefined,
    installation: false,
  });
  if (port === undefined || !watching.metrics) return { ...watching, url: undefined };
  const { serveMetrics } = await import('../../http/metrics.ts');
  const server = await serveMetrics(watching.metrics, host, port);
  stopper.add(() => server.stop());
  return { ...watching, url: `${server.url}/metrics` };
};
