import { hc } from 'hono/client';
import type { Client } from '../../client/index.ts';
import { Problem } from './problem.ts';
import { session } from './session.ts';

/** `fetch` in the name of whoever is logged in; when the session has ended, the page shows the log-in. */
const call: typeof fetch = async (input, init = {}) => {
  const headers = new Headers(init.headers);
  if (session.value) headers.set('x-csrf-token', session.value.csrf);
  const response = await fetch(input, { ...init, headers }).catch((cause: unknown) => {
    // An aborted call is no problem of anybody.
    if (init.signal?.aborted) throw cause;
    throw new Problem(undefined);
  });
  if (response.status === 401) session.value = null;
  return response;
};

/** The API, typed by its routes: `await answer(api.alerts.$get({ query: { state: 'open' } }))`. */
export const api = (hc(location.origin, { fetch: call }) as unknown as Client).v1;

/** What a call resolves with if all is well. */
export type AnswerOf<R> = R extends { json(): Promise<infer Body> } ? Body : never;

/**
 * The body of an answer; undefined for one without a body.
 *
 * @throws {Problem} the error that the API answered, or that it did not answer.
 */
export const answer = async <R extends { ok: boolean; status: number; json(): Promise<unknown> }>(
  calling: Promise<R>,
): Promise<AnswerOf<R>> => {
  const response = await calling;
  if (!response.ok)
    throw new Problem(response.status, (await response.json().catch(() => undefined)) as object);
  return (response.status === 204 ? undefined : await response.json()) as AnswerOf<R>;
};

/**
 * A call that the typed client cannot make, as one with a photo: `send('POST', '/v1/search', form)`.
 *
 * @param body a form, a file, or what is sent as JSON.
 * @throws {Problem} as answer.
 */
export const send = async <T = unknown>(
  method: string,
  path: string,
  body?: FormData | Blob | object,
  headers: Record<string, string> = {},
): Promise<T> => {
  const isRaw = body instanceof FormData || body instanceof Blob;
  const response = await call(path, {
    method,
    headers: body && !isRaw ? { 'content-type': 'application/json', ...headers } : headers,
    ...(body ? { body: isRaw ? body : JSON.stringify(body) } : {}),
  });
  if (!response.ok) throw new Problem(response.status, await response.json().catch(() => undefined));
  return (response.status === 204 ? undefined : await response.json()) as T;
};

/** The address of the aligned picture of a face. */
export const cropUrl = (faceId: string): string => `/v1/faces/${faceId}/crop`;

/** The address of a photo, its longer side at most so many pixels. */
export const photoUrl = (imageId: string, side: 320 | 640 | 1280 | 1920 = 1280): string =>
  `/v1/images/${imageId}/photo?side=${side}`;
