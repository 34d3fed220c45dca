import { SpanKind, SpanStatusCode, type Tracer } from '@opentelemetry/api';
import type { Database } from '../../database/pool.ts';
import type { Observed, Observer } from '../../observer.ts';
import { inSpan, within } from './span.ts';

/**
 * Makes a span of each batch, in the trace of its photo. A batch of several photos is a span in each of their traces; what
 * happens in it is below the one of the first, to which the others are linked.
 */
export const traceBatches = (tracer: Tracer, database: Database): Observer => ({
  async batch(task, items, handle) {
    const [first, ...others] = await tracesOf(database, items);
    const attributes = {
      'messaging.system': 'watchpost',
      'messaging.operation.type': 'process',
      'messaging.destination.name': task,
      'messaging.batch.message_count': items.length,
      'watchpost.events': items.map(({ event_id }) => event_id),
    };
    const options = { kind: SpanKind.CONSUMER, attributes };
    return inSpan(
      tracer,
      task,
      options,
      async (span) => {
        const links = [{ context: span.spanContext() }];
        const beside = others.map((other) => tracer.startSpan(task, { ...options, links }, within(other)));
        try {
          const handled = await handle();
          for (const one of [span, ...beside]) {
            one.setAttributes(outcomesOf(handled));
            if (handled.some(isFailure)) one.setStatus({ code: SpanStatusCode.ERROR });
          }
          return handled;
        } finally {
          for (const one of beside) one.end();
        }
      },
      within(first),
    );
  },
});

const isFailure = ({ outcome }: Observed): boolean => outcome === 'failed' || outcome === 'retry';

/** How many events had each outcome. */
const outcomesOf = (handled: readonly Observed[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const { outcome } of handled) {
    const name = `watchpost.outcome.${outcome}`;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
};

/** The traces of some events, each once; none while the database cannot be reached. */
const tracesOf = async (
  { pool }: Database,
  items: readonly { readonly event_id: string }[],
): Promise<string[]> => {
  try {
    const { rows } = await pool.query<{ traceparent: string }>({
      name: 'watchpost-traces',
      text: 'select t.traceparent from watchpost.traces_of($1) as t order by t.event_id',
      values: [items.map(({ event_id }) => event_id)],
    });
    return [...new Set(rows.map(({ traceparent }) => traceparent))];
  } catch {
    return [];
  }
};
