import { context, propagation, type Tracer, trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources';
import { BatchSpanProcessor, NodeTracerProvider, type SpanProcessor } from '@opentelemetry/sdk-trace-node';
import type { MiddlewareHandler } from 'hono';
import type { Database } from '../../database/pool.ts';
import type { Observer } from '../../observer.ts';
import type { Outgoing } from '../../outgoing/index.ts';
import { version } from '../../version.ts';
import type { Vision } from '../../vision/index.ts';
import { traceBatches } from './batches.ts';
import { traceCalls } from './calls.ts';
import { instrumentDriver } from './driver.ts';
import { onward } from './onward.ts';
import { inSpan } from './span.ts';

/** What makes spans of what happens in this process. Loaded only where traces are configured. */
export interface Tracing {
  readonly observer: Observer;
  /** The same models, each call of which is a span. */
  traced(vision: Vision): Vision;
  /** The same way out, on which messages go on with the trace. */
  onward(outgoing: Outgoing): Outgoing;
  /** Makes a span of each call of the API. */
  readonly calls: MiddlewareHandler;
  /** Sends what is left. */
  stop(): Promise<void>;
}

/**
 * Begins to trace: calls of the API, batches of tasks, models, statements of the database and messages to endpoints. The
 * spans of a photo are one trace, whatever process makes them: see watchpost.traces_of().
 *
 * @param processor what is done with spans; unless given they are sent to the collector that the variables OTEL_… name.
 */
export const startTracing = (
  database: Database,
  processor: SpanProcessor = new BatchSpanProcessor(new OTLPTraceExporter()),
): Tracing => {
  const named = resourceFromAttributes({ 'service.name': 'watchpost', 'service.version': version });
  const resource = defaultResource()
    .merge(named)
    .merge(detectResources({ detectors: [envDetector] }));
  const provider = new NodeTracerProvider({ resource, spanProcessors: [processor] });
  provider.register();
  const forgetDriver = instrumentDriver(provider);
  const tracer = provider.getTracer('watchpost', version);
  return {
    observer: traceBatches(tracer, database),
    traced: (vision) => tracedVision(tracer, vision),
    onward: (outgoing) => ({ ...outgoing, traced: onward(tracer) }),
    calls: traceCalls(tracer),
    async stop() {
      forgetDriver();
      await provider.shutdown();
      for (const one of [trace, context, propagation]) one.disable();
    },
  };
};

const tracedVision = (tracer: Tracer, vision: Vision): Vision => ({
  ...vision,
  findFaces: (...call) => inSpan(tracer, 'models faces', {}, () => vision.findFaces(...call)),
  embed: (crops) =>
    inSpan(tracer, 'models embed', { attributes: { 'watchpost.crops': crops.length } }, () =>
      vision.embed(crops),
    ),
  estimateDemography: (...call) =>
    inSpan(tracer, 'models describe', {}, () => vision.estimateDemography(...call)),
});
