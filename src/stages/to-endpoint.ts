import { attemptDelivery } from '../endpoints/delivery.ts';
import { readReceiver } from '../endpoints/receiver.ts';
import { WatchpostError } from '../errors.ts';
import { publicOnly } from '../outgoing/index.ts';
import type { Finished, Tools } from './stage.ts';

/** Whether the endpoint answered 410. */
export type Gone = boolean;

/** A message that is about no alert. */
interface EndpointMessage {
  readonly endpointId: string;
  /** The same in each attempt. */
  readonly id: string;
  readonly type: 'record.head' | 'alarm' | 'alert.state' | 'alerts.held';
  /** What did not arrive, for the error. */
  readonly what: string;
  readonly body: string;
}

/**
 * Sends a message to an endpoint that is enabled, signed like an alert, and records the attempt.
 *
 * @throws {WatchpostError} row_missing if the endpoint is gone from the database, delivery_failed if it did not take the message.
 */
export const sendToEndpoint = async (
  { database, outgoing = publicOnly }: Tools,
  { endpointId, id, type, what, body }: EndpointMessage,
): Promise<Gone> => {
  const { name, enabled } = await readReceiver(database.db, endpointId);
  if (!enabled) return false;
  const message = { endpointId, notificationId: null, type, id, body };
  const { status, error } = await attemptDelivery(database, outgoing, message);
  if (status === 410 || !error) return status === 410;
  throw new WatchpostError('delivery_failed', `The endpoint ${name} did not take ${what}. ${error}`);
};

/** How the outcomes are written: endpoints that are gone are disabled. */
export const disablesGone = {
  call: 'watchpost.disable_gone_endpoints',
  parameters: (finished: readonly Finished<{ endpoint_id: string }, Gone>[]) => [
    finished.map(({ item }) => item.event_id),
    finished.map(({ item }) => item.endpoint_id),
    finished.map(({ result }) => result),
  ],
};
