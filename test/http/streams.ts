import { expect, onTestFinished } from 'vitest';
import { expectResponse, expectSchema } from '../support/contract.ts';
import { until } from '../support/until.ts';
import type { Api } from './support.ts';

export interface Received {
  readonly id: string;
  readonly event: string;
  // biome-ignore lint/suspicious/noExplicitAny: each test knows what it was sent.
  readonly data: any;
}

/** A stream, read as an EventSource does. */
export interface Stream {
  readonly received: Received[];
  /** The id to resume after. */
  lastId: string;
  heartbeats: number;
  /** Resolves with the first events, as many as asked for. */
  has(count: number): Promise<Received[]>;
  /** Resolves when the server has ended the stream. */
  readonly ended: Promise<void>;
  close(): void;
}

/**
 * Opens a stream until the test has ended, and resolves when it is open.
 *
 * @param options.schema of its events, as the OpenAPI document names it.
 */
export const openStream = async (
  at: Pick<Api, 'url' | 'key'>,
  path: string,
  { headers = {}, schema }: { headers?: Record<string, string>; schema: string },
): Promise<Stream> => {
  const abort = new AbortController();
  onTestFinished(() => abort.abort());
  const response = await fetch(`${at.url}${path}`, {
    headers: { authorization: `Bearer ${at.key}`, ...headers },
    signal: abort.signal,
  });
  await expectResponse('GET', response.url, response);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  const received: Received[] = [];
  const read = async () => {
    let rest = '';
    for await (const part of response.body!.pipeThrough(new TextDecoderStream())) {
      const blocks = (rest + part).split('\n\n');
      rest = blocks.pop() ?? '';
      for (const block of blocks) {
        const fields = Object.fromEntries(
          block.split('\n').map((line) => line.split(/: ?(.*)/s).slice(0, 2)),
        );
        if (fields.id) stream.lastId = fields.id;
        if (!fields.data) stream.heartbeats += 1;
        else {
          const data = JSON.parse(fields.data);
          expectSchema(schema, data);
          received.push({ id: fields.id, event: fields.event, data });
        }
      }
    }
  };
  const stream: Stream = {
    received,
    lastId: '',
    heartbeats: 0,
    has: (count) => until(async () => received.length >= count && received.slice(0, count)),
    ended: Promise.resolve(),
    close: () => abort.abort(),
  };
  Object.assign(stream, { ended: read().catch(() => {}) });
  await until(async () => stream.heartbeats > 0 || received.length > 0);
  return stream;
};
