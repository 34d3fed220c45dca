import { SpanKind, type Tracer } from '@opentelemetry/api';
import type { Outgoing } from '../../outgoing/index.ts';
import { inSpan, traceparentOf } from './span.ts';

/** Makes a span of each message to another server, which is told of it by the header traceparent. */
export const onward =
  (tracer: Tracer): NonNullable<Outgoing['traced']> =>
  (url, send) => {
    // Without path and query, which may hold a secret.
    const attributes = { 'http.request.method': 'POST', 'server.address': new URL(url).host };
    return inSpan(tracer, 'POST', { kind: SpanKind.CLIENT, attributes }, (span) =>
      send({ traceparent: traceparentOf(span) }),
    );
  };
