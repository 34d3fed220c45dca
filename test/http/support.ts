import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import type { Database } from '../../src/database/pool.ts';
import { type ProblemCode, problems } from '../../src/errors.ts';
import { createApp } from '../../src/http/app.ts';
import { provideFirstKey } from '../../src/http/first-key.ts';
import { createKey, type NewKey } from '../../src/http/key-store.ts';
import { type ConnectionLimits, startServer } from '../../src/http/server.ts';
import type { Services } from '../../src/http/services.ts';
import { openLog } from '../../src/log.ts';
import { registerProcess } from '../../src/runner/registration.ts';
import { startRelay } from '../../src/runner/relay.ts';
import type { Worker } from '../../src/runner/worker.ts';
import type { Vision } from '../../src/vision/index.ts';
import { atEnd } from '../support/at-end.ts';
import { expectResponse, learnContract } from '../support/contract.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { outgoing, realVision, runWorker, untilIdle } from '../support/pipeline.ts';

const log = openLog('silent');

/** An answer and its body. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: each test knows what it asks for.
  readonly body: any;
}

/** A listening API, called by HTTP as users call it. */
export interface Api {
  readonly url: string;
  readonly key: string;
  /** Every route of the app, in the order of registration. */
  readonly routes: readonly { readonly method: string; readonly path: string }[];
  /** Calls with the API key. Bytes, text and forms are sent as they are, any other body as JSON. */
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
}

/** What an API of a test needs of its process: a row in `worker`, and what a nudge does. */
export interface Process {
  readonly id: string;
  readonly nudge: Services['nudge'];
}

/** A process like `up --no-worker`. Its relay follows nudges, or is stopped: then rows stay in the outbox. */
export const idleProcess = async (
  database: Database,
  vision: Vision,
  relaying: 'nudged' | 'resting',
): Promise<Process> => {
  if (relaying === 'resting') {
    const id = await registerProcess(database, vision, { concurrency: 0, tasks: [] });
    return { id, nudge: () => {} };
  }
  const relay = await startRelay({ database, vision }, { log });
  atEnd(() => relay.stop());
  return { id: relay.id, nudge: () => relay.nudge() };
};

/** Listens on a free port until the test file has ended. */
export const listen = async (
  database: Database,
  vision: Vision,
  process: Process,
  limits: Partial<Services['config'] & ConnectionLimits> = {},
  stopping = new AbortController().signal,
  watching: Partial<Pick<Services, 'metrics' | 'traceCalls' | 'log'>> = {},
): Promise<Api> => {
  const config = {
    maxBodyBytes: 20 * 1024 * 1024,
    maxPixels: 64_000_000,
    maxBacklog: 20_000,
    maxBacklogPerKey: 10_000,
    outgoing,
    ...limits,
  };
  const app = createApp({
    config,
    database,
    nudge: process.nudge,
    vision,
    workerId: process.id,
    stopping,
    log,
    ...watching,
  });
  learnContract(app.routes);
  const server = await startServer(app, '127.0.0.1', 0, limits);
  atEnd(() => server.stop(0));
  const key = `test-key-${randomBytes(16).toString('hex')}`;
  return {
    url: server.url,
    key,
    routes: routesOf(app.routes),
    call: (method, path, body, headers = {}) =>
      ask(new URL(path, server.url), method, body, { authorization: `Bearer ${key}`, ...headers }),
  };
};

/** Each route once: the app has an entry for its declaration and one for its handler. */
const routesOf = (entries: readonly { method: string; path: string }[]): Api['routes'] => {
  const routes = entries.filter(({ method }) => method !== 'ALL');
  return [...new Map(routes.map(({ method, path }) => [`${method} ${path}`, { method, path }])).values()];
};

/** A call without an API key. Like every call, its answer has to fit the OpenAPI document. */
export const ask = async (
  url: URL | string,
  method: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> => {
  const raw = body === undefined || typeof body === 'string' || body instanceof Uint8Array;
  const asIs = raw || body instanceof FormData || body instanceof ReadableStream;
  const init: RequestInit = {
    method,
    headers: asIs ? headers : { 'content-type': 'application/json', ...headers },
  };
  if (body !== undefined) init.body = asIs ? (body as FormData) : JSON.stringify(body);
  if (body instanceof ReadableStream) init.duplex = 'half';
  const response = await fetch(url, init);
  await expectResponse(method, String(url), response);
  const json = response.headers.get('content-type')?.includes('json') && method !== 'HEAD';
  return {
    status: response.status,
    headers: response.headers,
    body: json ? await response.json() : new Uint8Array(await response.arrayBuffer()),
  };
};

/** A database, the models, one worker and an API with a key, for a whole test file. */
export const serve = async (): Promise<{
  database: TestDatabase;
  vision: Vision;
  worker: Worker;
  api: Api;
}> => {
  const database = await freshDatabase();
  const vision = await realVision();
  const worker = await runWorker(database, vision);
  const api = await listen(database, vision, { id: worker.id, nudge: () => worker.nudge() });
  await admit(database, api);
  return { database, vision, worker, api };
};

/** Makes an API's key known to the database, with all rights. */
export const admit = async (database: Database, api: Api): Promise<void> => {
  await provideFirstKey(database, '/nonexistent', api.key);
};

/** Makes a key and returns it, with its id. */
export const keyWith = async (
  database: Database,
  wanted: Partial<NewKey> = {},
): Promise<{ id: string; name: string; key: string }> =>
  createKey(database.db, { name: `key ${randomBytes(4).toString('hex')}`, ...wanted });

/** The header that a key is sent in. */
export const bearer = (key: string): { authorization: string } => ({ authorization: `Bearer ${key}` });

/** A photo in a multipart form, as browsers send it. */
export const formOf = (bytes: Uint8Array, fields: Record<string, string> = {}): FormData => {
  const form = new FormData();
  form.append('image', new Blob([new Uint8Array(bytes)]), 'photo.jpg');
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  return form;
};

/** Expects complete problem details with this code, and returns their texts. */
export const expectProblem = (answer: Answer, code: ProblemCode): { detail: string; hint?: string } => {
  expect(answer.body).toMatchObject({
    type: `urn:watchpost:problem:${code.replaceAll('_', '-')}`,
    title: problems[code].title,
    status: problems[code].status,
    code,
    detail: expect.stringMatching(/^\S.+\S$/s),
    instance: expect.stringMatching(/^\//),
  });
  expect(answer.status).toBe(problems[code].status);
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  return answer.body;
};

/** Resolves when nothing waits anywhere, and expects every event to be handled for good. */
export const expectNothingLeft = async (database: TestDatabase): Promise<void> => {
  await untilIdle(database);
  expect(
    await database.rows(
      `select topic, task from watchpost.event_task where outcome is null or outcome not in ('done', 'gone', 'refused', 'failed')`,
    ),
  ).toEqual([]);
};
