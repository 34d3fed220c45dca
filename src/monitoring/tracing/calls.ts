import { SpanKind, SpanStatusCode, type Tracer } from '@opentelemetry/api';
import type { MiddlewareHandler } from 'hono';
import { routePath } from 'hono/route';
import { inSpan, traceparentOf, within } from './span.ts';

/** Makes a span of each call under /v1, below the one that the caller names in the header traceparent. */
export const traceCalls =
  (tracer: Tracer): MiddlewareHandler =>
  async (c, next) => {
    if (!c.req.path.startsWith('/v1/')) return next();
    const { method, path } = c.req;
    const attributes = {
      'http.request.method': method,
      'url.path': path,
      'watchpost.request_id': c.get('requestId'),
    };
    const parent = within(c.req.header('traceparent'));
    const call = (span: Parameters<Parameters<typeof inSpan>[3]>[0]) => {
      c.set('traceparent', traceparentOf(span));
      return next().then(() => {
        const route = routePath(c, -1);
        const { status } = c.res;
        span.updateName(`${method} ${route}`);
        span.setAttributes({ 'http.route': route, 'http.response.status_code': status });
        if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
      });
    };
    await inSpan(tracer, method, { kind: SpanKind.SERVER, attributes }, call, parent);
  };
