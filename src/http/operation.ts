import type { Context, MiddlewareHandler } from 'hono';
import { etag } from 'hono/etag';
import { routePath } from 'hono/route';
import { z } from 'zod';
import { type ProblemCode, WatchpostError } from '../errors.ts';
import { readAhead, readJson, readOptionalJson, readQuery } from './body.ts';
import { idempotencyKey, once } from './idempotency.ts';
import type { Scope } from './key.ts';
import type { Served } from './services.ts';

/** Bytes of a media type, with JSON beside them where the route answers either. */
interface BytesAnswer {
  readonly type: string | readonly string[];
  readonly json?: z.ZodType;
}

/** What a route answers with a status: JSON, bytes, or no body. */
export type Answer = z.ZodType | BytesAnswer | null;

/** What a route takes and answers. What it does not name it refuses. */
export interface Operation<
  Query extends z.ZodObject | undefined = z.ZodObject | undefined,
  Body extends z.ZodType | undefined = z.ZodType | undefined,
  Photo extends z.ZodObject | undefined = z.ZodObject | undefined,
> {
  /** One line for the document. */
  readonly summary: string;
  readonly description?: string;
  /** What the key must be allowed to do; null: the route needs no key. */
  readonly scope: Scope | null;
  /** The query; default: none. */
  readonly query?: Query;
  /** The JSON body; default: none, or `{}`. */
  readonly body?: Body;
  /** Whether no body is the same as `{}`. */
  readonly optionalBody?: boolean;
  /** The most bytes of the JSON body, where it is another limit than jsonBytes. */
  readonly bodyBytes?: number;
  /** The fields that are sent with a photo. The handler reads them with readPhotoBody. */
  readonly photo?: Photo;
  /** The fields that are photos; default: `image`. */
  readonly photos?: readonly string[];
  /** Whether the photo may be given by its URL, in JSON. */
  readonly photoByUrl?: boolean;
  /** Headers that the route reads. */
  readonly headers?: z.ZodObject;
  /**
   * Whether the route honours Idempotency-Key: `true`, see once(); `secret`: the answer has a secret, which is not stored;
   * `itself`: by its handler.
   */
  readonly creates?: boolean | 'secret' | 'itself';
  /** By status. */
  readonly answers: Readonly<Record<number, Answer>>;
  /** The errors of this route beside those that follow from what it takes; see errorsOf. */
  readonly errors?: readonly ProblemCode[];
}

type IfGiven<Schema, Given> = Schema extends z.ZodType ? Given : Record<never, never>;

/** The types of Hono's `c.req.valid` and of its client. */
interface Taken<Query, Body, Photo> {
  in: IfGiven<Query, { query: z.input<Query> }> &
    IfGiven<Body, { json: z.input<Body> }> &
    IfGiven<Photo, { form: { image: Blob } & z.input<Photo> }>;
  out: IfGiven<Query, { query: z.output<Query> }> & IfGiven<Body, { json: z.output<Body> }>;
}

const declared = new WeakMap<object, Operation>();

/** What a handler of the app was declared with; undefined if it is no `operation`. */
export const operationOf = (handler: object): Operation | undefined => declared.get(handler);

const nothing = z.strictObject({});

/**
 * Declares a route: the one middleware before its handler. It checks the scope of the key, and validates the query and the
 * JSON body, which the handler gets from `c.req.valid('query')` and `c.req.valid('json')`. Where none is declared, a query is
 * refused, and so is any body but `{}`, which many clients send where there is nothing to say. The document at /openapi.json
 * is made of the same facts; answers are not validated here but by the tests.
 *
 * @throws {WatchpostError} scope_missing, header_invalid, query_invalid, field_repeated, and what readJson throws.
 */
export const operation = <
  Query extends z.ZodObject | undefined = undefined,
  Body extends z.ZodType | undefined = undefined,
  Photo extends z.ZodObject | undefined = undefined,
>(
  facts: Operation<Query, Body, Photo>,
): MiddlewareHandler<Served, string, Taken<Query, Body, Photo>> => {
  const check: MiddlewareHandler<Served> = async (c, next) => {
    if (facts.scope !== null) assertScope(c, facts.scope);
    refuseHeaders(c, facts);
    const { creates = false } = facts;
    const isOnce = creates !== false && creates !== 'itself' && idempotencyKey(c) !== undefined;
    if (isOnce) await readAhead(c);
    // Fields beside a photo may be in the query: readPhotoBody validates both.
    if (!facts.photo) {
      takeQuery(c, facts.query);
      await takeBody(c, facts);
    }
    if (isOnce) return once(c, next, creates === 'secret');
    return canBeUnchanged(c, facts) ? tagged(c, next) : next();
  };
  declared.set(check, facts);
  return check as MiddlewareHandler<Served, string, Taken<Query, Body, Photo>>;
};

/** Gives an answer the SHA-1 of its body as ETag, and answers 304 to a call that has it already. */
const tagged = etag();

/** Whether the answer is read to its end before it is sent; a stream has none. */
const canBeUnchanged = (c: Context<Served>, { answers }: Operation): boolean => {
  if (c.req.method !== 'GET') return false;
  const answer = answers[200];
  const types = answer && 'type' in answer && !(answer instanceof z.ZodType) ? [answer.type].flat() : [];
  return !types.includes('text/event-stream') || ('json' in (answer as object) && !wantsEvents(c));
};

/** Whether a caller asks for server-sent events, where a route answers either. */
export const wantsEvents = (c: Context<Served>): boolean =>
  (c.req.header('accept') ?? '').includes('text/event-stream');

/**
 * Checks what the key of a call may do.
 *
 * @throws {WatchpostError} scope_missing.
 */
export const assertScope = (c: Context<Served>, scope: Scope): void => {
  const { name, scopes } = c.get('key');
  if (scopes.has(scope) || scopes.has('administer')) return;
  throw new WatchpostError(
    'scope_missing',
    `The API key ${name} may not do this: it lacks the scope ${scope}.`,
    {
      hint: `Its scopes: ${[...scopes].join(', ') || 'none'}.`,
    },
  );
};

/** Headers of this API, also misspelt; others, like those of browsers and proxies, are none of its business. */
const ours = /idempotency|access[-_]?reason/i;

/**
 * Refuses a header of this API that the route does not read: whoever sends it relies on it.
 *
 * @throws {WatchpostError} header_invalid.
 */
const refuseHeaders = (c: Context<Served>, { creates, headers }: Operation): void => {
  const known = [...Object.keys(headers?.shape ?? {}), ...(creates ? ['idempotency-key'] : [])];
  for (const name of c.req.raw.headers.keys()) {
    if (!ours.test(name) || known.includes(name)) continue;
    throw new WatchpostError('header_invalid', `${c.req.method} ${routePath(c)} takes no header ${name}.`, {
      hint: 'Idempotency-Key is for calls that create something, Access-Reason for those that are on record.',
    });
  }
};

const takeQuery = (c: Context<Served>, schema: z.ZodObject | undefined): void => {
  if (schema) c.req.addValidatedData('query', readQuery(c, schema));
  else if (Object.keys(c.req.query()).length > 0) {
    throw new WatchpostError('query_invalid', `${c.req.method} ${routePath(c)} takes no query.`);
  }
};

const takeBody = async (c: Context<Served>, { body, optionalBody, bodyBytes }: Operation): Promise<void> => {
  // The method that was sent: Hono answers HEAD by the route of GET.
  const { method } = c.req.raw;
  if (method === 'GET' || method === 'HEAD') {
    const announced = Number(c.req.header('content-length') ?? 0) > 0 || c.req.header('transfer-encoding');
    if (announced) throw new WatchpostError('body_invalid', `A ${method} takes no body.`);
  } else if (body) {
    const read = optionalBody ? readOptionalJson(c, body) : readJson(c, body, bodyBytes);
    c.req.addValidatedData('json', (await read) as object);
  } else await readOptionalJson(c, nothing);
};
