import { z } from 'zod';
import type { Kind } from './kind.ts';
import { cut } from './text.ts';

/**
 * The Events API v2 of PagerDuty: https://developer.pagerduty.com/docs/send-alert-event. An alert triggers an incident, and the
 * same key acknowledges and resolves it as the alert is reviewed. The routing key is the credential; the crop is a link.
 */
export const pagerduty: Kind = {
  settings: z.strictObject({}),
  credential: 'required',
  usualUrl: 'https://events.pagerduty.com/v2/enqueue',
  hasPicture: true,
  async send(message, { url, credential }, { ask }) {
    const { title, text } = message.write();
    const { timestamp, data } = JSON.parse(message.body);
    const event = { routing_key: credential, event_action: message.action, dedup_key: message.about };
    const { status } = await ask(url, {
      body:
        message.action === 'trigger'
          ? {
              ...event,
              payload: {
                summary: cut(`${title}: ${text}`.replaceAll('\n', ' '), 1024),
                source: data?.camera ?? 'Watchpost',
                severity: message.severity,
                timestamp,
                component: data?.location ?? undefined,
                group: data?.watchlist ?? undefined,
                class: message.type,
                custom_details: data,
              },
              client: 'Watchpost',
              ...(message.link
                ? { client_url: message.link, links: [{ href: message.link, text: 'Alert' }] }
                : {}),
              ...(message.picture?.url
                ? { images: [{ src: message.picture.url, alt: 'The face that was seen' }] }
                : {}),
            }
          : event,
      says: 'message',
    });
    return status;
  },
};
