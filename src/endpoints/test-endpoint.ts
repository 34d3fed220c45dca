import type { Kysely } from 'kysely';
import { findNamed } from '../database/named.ts';
import type { DB } from '../database/types.generated.ts';
import type { Outgoing } from '../outgoing/index.ts';
import { attemptDelivery } from './delivery.ts';
import type { EndpointAnswer } from './kinds/index.ts';
import { readReceiver } from './receiver.ts';
import { assertTemplate } from './template.ts';

/**
 * Sends a message of the type `test` at once and records it, also to a disabled endpoint.
 *
 * @param by who sends it, for the message.
 * @returns its status, and why it does not count as delivered; of what a server wrote, only what the service says is wrong.
 * @throws {WatchpostError} endpoint_unknown, by SQLSTATE; template_invalid if a template of its row cannot be read, as the
 *   database looks at the names only. Then nothing was sent.
 */
export const testEndpoint = async (
  db: Kysely<DB>,
  outgoing: Outgoing,
  nameOrId: string,
  by: string,
): Promise<EndpointAnswer> => {
  const endpointId = await findNamed(db, 'endpoint', nameOrId);
  const { title_template, text_template } = await readReceiver(db, endpointId);
  for (const template of [title_template, text_template]) if (template !== null) assertTemplate(template);
  return attemptDelivery({ db }, outgoing, {
    endpointId,
    notificationId: null,
    type: 'test',
    body: (endpoint) =>
      JSON.stringify({
        type: 'test',
        timestamp: new Date().toISOString(),
        data: { endpoint, sent_by: by },
      }),
  });
};
