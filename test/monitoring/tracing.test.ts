import { randomBytes } from 'node:crypto';
import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openLog } from '../../src/log.ts';
import { startTracing } from '../../src/monitoring/tracing/index.ts';
import { startWorker } from '../../src/runner/worker.ts';
import { addEndpoint, answering, hurry, openReceiver } from '../endpoints/support.ts';
import { type Api, admit, listen } from '../http/support.ts';
import { atEnd } from '../support/at-end.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { enrolAda, outgoing, realVision, submit, untilFinal, untilIdle } from '../support/pipeline.ts';
import { until } from '../support/until.ts';

const hex = (bytes: number): string => randomBytes(bytes).toString('hex');

describe('a trace', () => {
  const spans = new InMemorySpanExporter();
  let database: TestDatabase;
  let api: Api;

  beforeAll(async () => {
    database = await freshDatabase();
    const tracing = startTracing(database, new SimpleSpanProcessor(spans));
    atEnd(() => tracing.stop());
    const vision = tracing.traced(await realVision());
    const tools = { database, vision, outgoing: tracing.onward(outgoing), observer: tracing.observer };
    const worker = await startWorker(tools, { concurrency: 2, log: openLog('silent') });
    atEnd(() => worker.stop());
    const process = { id: worker.id, nudge: () => worker.nudge() };
    const { calls } = tracing;
    api = await listen(database, vision, process, {}, undefined, { traceCalls: calls });
    await admit(database, api);
    await enrolAda(database);
  });

  beforeEach(async () => {
    await untilIdle(database);
    spans.reset();
  });

  const of = (traceId: string): ReadableSpan[] =>
    spans.getFinishedSpans().filter((span) => span.spanContext().traceId === traceId);
  /** The names of the spans below one, without those of the database. */
  const below = (traceId: string, parent: string | undefined): string[] =>
    of(traceId)
      .filter((span) => span.parentSpanContext?.spanId === parent && !span.name.startsWith('pg.'))
      .map(({ name }) => name)
      .toSorted();
  const named = (traceId: string, name: string): ReadableSpan[] =>
    of(traceId).filter((span) => span.name === name);
  const statementsBelow = (traceId: string, span: ReadableSpan | undefined): number =>
    of(traceId).filter(
      (one) =>
        one.name.startsWith('pg.query') && one.parentSpanContext?.spanId === span?.spanContext().spanId,
    ).length;

  it('is one from the POST to the webhook, below the span that the submitter names', async () => {
    const receiver = await openReceiver();
    receiver.answer = answering(503);
    await addEndpoint(database, { name: 'guards', url: receiver.url });
    const [traceId, submitter] = [hex(16), hex(8)];
    const traceparent = `00-${traceId}-${submitter}-01`;
    const { status, body } = await api.call('POST', '/v1/images', sample(1), {
      'content-type': 'image/jpeg',
      traceparent,
    });
    expect(status).toBe(202);
    // The first attempt at the message fails: the second one is a job, and belongs to the trace as well.
    await receiver.has(1);
    receiver.answer = answering(204);
    await until(async () => {
      await hurry(database);
      const sent = named(traceId, 'deliver');
      return sent.length > 1 && sent.at(-1)?.attributes['watchpost.outcome.done'] === 1;
    });
    await untilIdle(database);

    const [post] = named(traceId, 'POST /v1/images');
    expect(post?.parentSpanContext?.spanId).toBe(submitter);
    expect(post?.attributes).toMatchObject({ 'http.route': '/v1/images', 'http.response.status_code': 202 });
    expect(statementsBelow(traceId, post)).toBeGreaterThan(0);
    const postId = post?.spanContext().spanId;
    const tasks = new Set(below(traceId, postId));
    expect(tasks).toEqual(new Set(['detect', 'embed', 'match', 'alert', 'notify', 'deliver']));
    const [detect] = named(traceId, 'detect');
    expect(below(traceId, detect?.spanContext().spanId)).toEqual(['models faces']);
    expect(statementsBelow(traceId, detect)).toBeGreaterThanOrEqual(2);
    const [embed] = named(traceId, 'embed');
    expect(below(traceId, embed?.spanContext().spanId)).toEqual(['models embed']);
    expect(statementsBelow(traceId, named(traceId, 'match')[0])).toBeGreaterThanOrEqual(1);

    const sent = named(traceId, 'deliver');
    expect(sent[0]?.attributes['watchpost.outcome.retry']).toBe(1);
    for (const [i, span] of sent.entries()) {
      expect(below(traceId, span.spanContext().spanId)).toEqual(['POST']);
      const [message] = of(traceId).filter(
        (one) => one.name === 'POST' && one.parentSpanContext?.spanId === span.spanContext().spanId,
      );
      expect(receiver.received[i]?.headers.traceparent).toBe(
        `00-${traceId}-${message?.spanContext().spanId}-01`,
      );
    }
    const [stored] = await database.rows('select traceparent from watchpost.image where id = $1', [body.id]);
    expect(stored.traceparent).toBe(`00-${traceId}-${postId}-01`);
    // What the call has woken up goes on for ever, and is no part of it.
    expect(of(traceId).filter(({ name }) => name.includes('watchpost-claim'))).toEqual([]);
    // No value of a statement is in a span.
    expect(JSON.stringify(of(traceId).map(({ attributes }) => attributes))).not.toContain(receiver.url);
  });

  it('is named by the photo where nobody has named one, or what was given is malformed', async () => {
    const bare = await submit(database, sample(2));
    await untilFinal(database, bare);
    await untilIdle(database);
    const traceId = bare.replaceAll('-', '');
    expect(
      new Set(
        of(traceId)
          .filter(({ name }) => !/^(pg|models)/.test(name))
          .map(({ name }) => name),
      ),
    ).toEqual(new Set(['detect', 'embed', 'match']));
    const [odd] = await database.rows(
      `select set_config('watchpost.traceparent', '00-nothing', true), watchpost.submit_image($1) as id`,
      [sample(2)],
    );
    const [image] = await database.rows('select traceparent from watchpost.image where id = $1', [odd.id]);
    expect(image.traceparent).toBeNull();
    const { status } = await api.call('POST', '/v1/images', sample(2), {
      'content-type': 'image/jpeg',
      traceparent: 'ff-is-no-trace',
    });
    expect(status).toBe(202);
  });

  it('has a span of a batch of several photos in the trace of each', async () => {
    await database.rows(`select watchpost.pause('detect')`);
    const ids = [hex(16), hex(16)];
    for (const id of ids) {
      await database.rows(
        `select set_config('watchpost.traceparent', $2, true), watchpost.submit_image($1)`,
        [sample(2), `00-${id}-${hex(8)}-01`],
      );
    }
    await database.rows(`select watchpost.resume('detect')`);
    await untilIdle(database);
    await until(async () => ids.every((id) => named(id, 'match').length > 0));
    const [first, second] = ids.map((id) => named(id, 'detect')[0]);
    const [one, other] = (second?.links.length ?? 0) > 0 ? [first, second] : [second, first];
    expect(other?.links.map(({ context }) => context.spanId)).toEqual([one?.spanContext().spanId]);
    expect(one?.attributes['messaging.batch.message_count']).toBe(2);
  });

  it('is not begun by what nobody has asked for', async () => {
    await api.call('GET', '/healthz');
    await database.rows('select 1');
    expect(spans.getFinishedSpans()).toEqual([]);
  });
});
