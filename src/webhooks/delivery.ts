import { type Kysely, sql } from 'kysely';
import type { DB } from '../database/types.generated.ts';
import type { Outgoing } from '../outgoing/index.ts';
import { type EndpointAnswer, post } from './post.ts';

/** A message to send once. */
interface EndpointDelivery {
  readonly endpointId: string;
  /** Null for a message about no alert, which has a type. */
  readonly notificationId: string | null;
  readonly type?: 'test' | 'record.head' | 'alarm';
  /** Identifies the message in each attempt; the notification, or the delivery, unless given. */
  readonly id?: string;
  readonly url: string;
  readonly secrets: readonly string[];
  readonly body: string;
}

/**
 * Sends a message once and records it: the row in `delivery` is written before sending, and completed with the
 * response.
 *
 * @throws only if the database cannot be reached.
 */
export const attemptDelivery = async (
  { db }: { readonly db: Kysely<DB> },
  outgoing: Outgoing,
  { endpointId, notificationId, type, id, url, secrets, body }: EndpointDelivery,
): Promise<EndpointAnswer & { readonly deliveryId: string; readonly attempt: number }> => {
  const { rows } = await sql<{ delivery_id: string; attempt: number }>`
    select * from watchpost.begin_delivery(${endpointId}, ${notificationId}, ${type ?? null})
  `.execute(db);
  const { delivery_id: deliveryId, attempt } = rows[0] as { delivery_id: string; attempt: number };
  const answer = await post({ url, id: notificationId ?? id ?? deliveryId, body, secrets }, outgoing);
  await db
    .updateTable('watchpost.delivery')
    .set({ duration_ms: answer.durationMs, status: answer.status, error: answer.error })
    .where('id', '=', deliveryId)
    .execute();
  return { ...answer, deliveryId, attempt };
};
