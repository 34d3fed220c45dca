import type { TracerProvider } from '@opentelemetry/api';
import { PgInstrumentation } from '@opentelemetry/instrumentation-pg';
import pg from 'pg';

/** A module that an instrumentation patches, as its base class describes it. */
interface Patched {
  patch(module: object): unknown;
  unpatch(module: object): unknown;
}

/**
 * Makes spans of statements, with their text and without the values of their parameters, where there is a span to be below.
 *
 * The instrumentation waits for `pg` to be loaded by require(); here it is loaded already, as an ES module, so it is handed
 * what it would have patched.
 *
 * @returns undoes it.
 */
export const instrumentDriver = (provider: TracerProvider): (() => void) => {
  const instrumentation = new PgInstrumentation({
    enabled: false,
    requireParentSpan: true,
    enhancedDatabaseReporting: false,
    ignoreConnectSpans: true,
  });
  instrumentation.setTracerProvider(provider);
  const [client, pool] = (instrumentation as unknown as { init(): Patched[] }).init() as [Patched, Patched];
  const poolClass = Object.getPrototypeOf(pg.Pool);
  client.patch(pg);
  pool.patch(poolClass);
  return () => {
    client.unpatch(pg);
    pool.unpatch(poolClass);
  };
};
