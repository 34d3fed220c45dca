import { createHash } from 'node:crypto';
import type { Context, Next } from 'hono';
import { type Kysely, sql } from 'kysely';
import type { DB } from '../database/types.generated.ts';
import { WatchpostError } from '../errors.ts';
import { token } from '../fields.ts';
import { attribute } from './as-caller.ts';
import type { Served } from './services.ts';

/**
 * The header Idempotency-Key of a call; undefined if it has none.
 *
 * @throws {WatchpostError} token_invalid.
 */
export const idempotencyKey = (c: Context<Served>): string | undefined => {
  const key = c.req.header('idempotency-key');
  if (key === undefined) return undefined;
  const parsed = token.safeParse(key);
  if (parsed.success) return parsed.data;
  throw new WatchpostError('token_invalid', `Idempotency-Key: ${parsed.error.issues[0]?.message}.`);
};

/**
 * Does a call with an Idempotency-Key once. All that it writes, the key and the answer are one transaction: a repeated call
 * gets the same answer, and one that comes while the first is under way waits for it. A call that fails leaves nothing, so
 * it can be repeated with its key. See watchpost.begin_once() in sql/2-broker/idempotency.sql.
 *
 * The body was read ahead: else the transaction would be open for as long as it takes to arrive.
 *
 * @param keepsSecret whether the answer has a secret, which is not stored: the repeated call is refused then.
 * @throws {WatchpostError} token_invalid; idempotency_key_reused for another call with this key; answer_shown_once.
 */
export const once = async (
  c: Context<Served>,
  next: Next,
  keepsSecret: boolean,
): Promise<Response | undefined> => {
  const key = idempotencyKey(c) as string;
  const db = c.get('db');
  const trx = await db.startTransaction().execute();
  try {
    await attribute(c, trx);
    const earlier = await begin(trx, key, callOf(c), c.get('body') as Buffer);
    if (earlier) return repeated(c, earlier);
    c.set('db', trx);
    await next();
    if (c.error || !c.res.ok) return undefined;
    await end(trx, key, c.res.clone(), keepsSecret);
    await trx.commit().execute();
    return undefined;
  } finally {
    c.set('db', db);
    if (!trx.isCommitted) await trx.rollback().execute();
  }
};

interface Earlier {
  readonly status: number;
  /** Null: it had a secret. */
  readonly answer: string | null;
  readonly location: string | null;
}

/** What the key belongs to: the method and address, and how the body is to be read. */
const callOf = (c: Context<Served>): string => {
  const { pathname, search } = new URL(c.req.url);
  const type = (c.req.header('content-type') ?? '').split(';')[0]?.trim().toLowerCase();
  return `${c.req.method} ${pathname}${search} ${type}`.trim();
};

const begin = async (db: Kysely<DB>, key: string, call: string, body: Buffer) => {
  const hash = createHash('sha256').update(call).update('\n').update(body).digest();
  const { rows } = await sql<Earlier>`
    select status, answer, location from watchpost.begin_once(${key}, ${hash}) where status is not null
  `.execute(db);
  return rows[0];
};

const end = async (db: Kysely<DB>, key: string, answer: Response, keepsSecret: boolean): Promise<void> => {
  const text = keepsSecret ? null : await answer.text();
  await sql`
    select watchpost.end_once(${key}, ${answer.status}, ${text}, ${answer.headers.get('location')})
  `.execute(db);
};

const repeated = (c: Context<Served>, { status, answer, location }: Earlier): Response => {
  if (answer === null) {
    throw new WatchpostError(
      'answer_shown_once',
      'This call was done before; its answer had a secret, which is shown once.',
      { hint: 'If the answer was lost, make another secret.' },
    );
  }
  if (location !== null) c.header('Location', location);
  c.header('Idempotency-Replayed', 'true');
  return c.body(answer, status as 200, { 'content-type': 'application/json' });
};
