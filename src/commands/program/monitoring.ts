import type { Database } from '../../database/pool.ts';
import { assertPortFree } from '../../http/listening.ts';
import type { Metrics } from '../../monitoring/metrics/index.ts';
import type { Context } from './session.ts';

/** Begins to measure. What that takes is loaded here, so that a process that does not measure does without it. */
export const openMetrics = async (
  database: Database,
  options: { installation: boolean; log: Context['log'] },
): Promise<Metrics> => {
  const { startMetrics } = await import('../../monitoring/metrics/index.ts');
  return startMetrics(database, options);
};

/**
 * Measures a worker and answers /metrics on a port of its own, if the settings or the option name one: on loopback, unless
 * WATCHPOST_METRICS=open, then on HOST.
 *
 * @throws {CommandError} if the port is taken.
 */
export const serveWorkerMetrics = async (
  { config, log, stopper }: Pick<Context, 'config' | 'log' | 'stopper'>,
  database: Database,
  port: number | undefined = config.metricsPort,
): Promise<{ metrics: Metrics; url: string } | undefined> => {
  if (port === undefined) return undefined;
  const host = config.metrics === 'open' ? config.host : '127.0.0.1';
  await assertPortFree(host, port, 'WATCHPOST_METRICS_PORT');
  const metrics = await openMetrics(database, { installation: false, log });
  const { serveMetrics } = await import('../../http/metrics.ts');
  const server = await serveMetrics(metrics, host, port);
  stopper.add(() => server.stop());
  return { metrics, url: `${server.url}/metrics` };
};
