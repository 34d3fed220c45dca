import { type Kysely, sql } from 'kysely';
import type { DB } from '../database/types.generated.ts';
import { type EndpointAnswer, post } from './post.ts';

/** A message to send once. */
interface EndpointDelivery {
  readonly endpointId: string;
  /** Null for a test message, which is identified by the id of its delivery. */
  readonly notificationId: string | null;
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
  { endpointId, notificationId, url, secrets, body }: EndpointDelivery,
): Promise<EndpointAnswer & { readonly deliveryId: string; readonly attempt: number }> => {
  const { rows } = await sql<{ delivery_id: string; attempt: number }>`
    select * from watchpost.begin_delivery(${endpointId}, ${notificationId})
  `.execute(db);
  const { delivery_id: deliveryId, attempt } = rows[0] as { delivery_id: string; attempt: number };
  const answer = await post({ url, id: notificationId ?? deliveryId, body, secrets });
  await db
    .updateTable('watchpost.delivery')
    .set({
      duration_ms: answer.durationMs,
      status: answer.status,
      error: answer.error,
      answer: answer.answer,
    })
    .where('id', '=', deliveryId)
    .execute();
  return { ...answer, deliveryId, attempt };
};
