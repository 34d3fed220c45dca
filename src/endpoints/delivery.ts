import { type Kysely, sql } from 'kysely';
import type { DB } from '../database/types.generated.ts';
import { WatchpostError } from '../errors.ts';
import type { Outgoing } from '../outgoing/index.ts';
import { type EndpointAnswer, kinds, send } from './kinds/index.ts';
import { signLink } from './links.ts';
import { isAboutAlert, messageOf, readBody } from './message.ts';
import { readPicture, testPicture } from './picture.ts';
import { readReceiver } from './receiver.ts';

/** A message to send once. */
interface EndpointDelivery {
  readonly endpointId: string;
  /** Null for a message that is no first one about an alert, which has a type. */
  readonly notificationId: string | null;
  readonly type?: 'test' | 'record.head' | 'alarm' | 'alert.state' | 'alerts.held';
  /** Identifies the message in each attempt; the notification, or the delivery, unless given. */
  readonly id?: string;
  /** JSON: {type, timestamp, data}; may be made with the name of the endpoint. */
  readonly body: string | ((endpoint: string) => string);
}

/** The most seconds that an endpoint may ask to wait. */
const longestWait = 3600;

/**
 * Sends a message once and records it: the row in `delivery` is written before sending, and completed with the
 * response.
 *
 * @throws {WatchpostError} delivery_failed if the endpoint has asked to wait, and it is no test: nothing was sent then;
 *   row_missing if the endpoint is gone. Any other error if the database cannot be reached.
 */
export const attemptDelivery = async (
  { db }: { readonly db: Kysely<DB> },
  outgoing: Outgoing,
  { endpointId, notificationId, type, id, body: given }: EndpointDelivery,
): Promise<EndpointAnswer & { readonly deliveryId: string; readonly attempt: number }> => {
  const receiver = await readReceiver(db, endpointId);
  if (receiver.waitUntil && type !== 'test') {
    throw new WatchpostError(
      'delivery_failed',
      `The endpoint ${receiver.name} has asked not to be called before ${receiver.waitUntil.toISOString()}.`,
    );
  }
  const body = typeof given === 'string' ? given : given(receiver.name);
  const { rows } = await sql<{ delivery_id: string; attempt: number }>`
    select * from watchpost.begin_delivery(${endpointId}, ${notificationId}, ${type ?? null})
  `.execute(db);
  const { delivery_id: deliveryId, attempt } = rows[0] as { delivery_id: string; attempt: number };
  const { kind } = receiver;
  const extras = await extrasOf(db, outgoing, body, kinds[kind].hasPicture);
  const message = messageOf(notificationId ?? id ?? deliveryId, body, receiver, extras);
  const { retryAfter, ...answer } = await send(kind, message, receiver, outgoing);
  await db
    .updateTable('watchpost.delivery')
    .set({ duration_ms: answer.durationMs, status: answer.status, error: answer.error })
    .where('id', '=', deliveryId)
    .execute();
  if (retryAfter) await noteWait(db, endpointId, Math.min(retryAfter, longestWait));
  return { ...answer, deliveryId, attempt };
};

/** The link and the crop of an alert. */
const extrasOf = async (db: Kysely<DB>, { publicUrl }: Outgoing, body: string, hasPicture: boolean) => {
  const read = readBody(body);
  if (read.type === 'test') return { link: undefined, picture: hasPicture ? testPicture() : undefined };
  if (!hasPicture) return { link: undefined, picture: undefined };
  const link =
    isAboutAlert(read) && publicUrl ? `${publicUrl}/${await signLink(db, read.data.alert_id)}` : undefined;
  const faceId = read.data?.face_id;
  return { link, picture: faceId ? await readPicture(db, faceId, link && `${link}/crop`) : undefined };
};

const noteWait = (db: Kysely<DB>, endpointId: string, seconds: number) =>
  sql`
    insert into watchpost.endpoint_wait as w (endpoint_id, until)
    values (${endpointId}, clock_timestamp() + make_interval(secs => ${seconds}))
    on conflict (endpoint_id) do update set until = greatest(w.until, excluded.until)
  `.execute(db);
