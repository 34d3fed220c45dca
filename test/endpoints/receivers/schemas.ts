import { z } from 'zod';

/**
 * What the public documentation of each service asks of a call, as far as Watchpost uses it. A receiver of the tests answers
 * 400 to anything else, as the service would.
 */

const https = z.url();

/** https://docs.slack.dev/reference/block-kit/blocks: an incoming webhook takes the same as chat.postMessage, without channel. */
const block = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('section'),
    text: z.strictObject({ type: z.enum(['mrkdwn', 'plain_text']), text: z.string().min(1).max(3000) }),
  }),
  z.strictObject({
    type: z.literal('image'),
    image_url: https.max(3000),
    alt_text: z.string().min(1).max(2000),
  }),
]);
export const slackWebhook = z.strictObject({ text: z.string().min(1), blocks: z.array(block).max(50) });
export const slackMessage = slackWebhook.extend({ channel: z.string().min(1) });
/** https://docs.slack.dev/reference/methods/files.getUploadURLExternal and files.completeUploadExternal. */
export const slackUpload = z.strictObject({
  filename: z.string().min(1),
  length: z.string().regex(/^[1-9]\d*$/),
  alt_txt: z.string().max(1000),
});
export const slackComplete = z.strictObject({
  files: z.array(z.strictObject({ id: z.string(), title: z.string() })).min(1),
  channel_id: z.string(),
  initial_comment: z.string(),
});

/** https://discord.com/developers/docs/resources/webhook#execute-webhook. */
export const discord = z.strictObject({
  allowed_mentions: z.strictObject({ parse: z.array(z.string()).length(0) }),
  embeds: z
    .array(
      z.strictObject({
        title: z.string().max(256),
        description: z.string().max(4096),
        color: z.int().max(0xffffff),
        url: https.optional(),
        image: z.strictObject({ url: z.string().startsWith('attachment://') }).optional(),
      }),
    )
    .max(10),
});

/** https://core.telegram.org/bots/api#sendphoto and #sendmessage. */
export const telegramPhoto = z.strictObject({
  chat_id: z.string().min(1),
  parse_mode: z.literal('HTML'),
  caption: z.string().refine((text) => text.replace(/<[^>]*>/g, '').length <= 1024),
});
export const telegramMessage = z.strictObject({
  chat_id: z.string().min(1),
  parse_mode: z.literal('HTML'),
  text: z.string().min(1).max(4096),
});

/** https://docs.ntfy.sh/publish: headers, of which text is RFC 2047 where it is not ASCII. */
export const ntfy = z.looseObject({
  title: z.string().regex(/^[ -~]+$/),
  message: z
    .string()
    .regex(/^[ -~]+$/)
    .optional(),
  priority: z.enum(['1', '2', '3', '4', '5']),
  tags: z.string(),
  click: https.optional(),
  filename: z.string().optional(),
});

/** https://developer.pagerduty.com/docs/send-alert-event. */
export const pagerduty = z.discriminatedUnion('event_action', [
  z.strictObject({
    routing_key: z.string().length(32),
    event_action: z.literal('trigger'),
    dedup_key: z.string().max(255),
    payload: z.strictObject({
      summary: z.string().min(1).max(1024),
      source: z.string().min(1),
      severity: z.enum(['critical', 'warning', 'error', 'info']),
      timestamp: z.iso.datetime({ offset: true }),
      component: z.string().optional(),
      group: z.string().optional(),
      class: z.string().optional(),
      custom_details: z.record(z.string(), z.unknown()),
    }),
    client: z.string(),
    client_url: https.optional(),
    links: z.array(z.strictObject({ href: https, text: z.string() })).optional(),
    images: z.array(z.strictObject({ src: https, alt: z.string() })).optional(),
  }),
  z.strictObject({
    routing_key: z.string().length(32),
    event_action: z.enum(['acknowledge', 'resolve']),
    dedup_key: z.string().max(255),
  }),
]);

/** https://spec.matrix.org/latest/client-server-api: m.room.message. */
export const matrix = z.discriminatedUnion('msgtype', [
  z.strictObject({
    msgtype: z.literal('m.text'),
    body: z.string(),
    format: z.literal('org.matrix.custom.html'),
    formatted_body: z.string(),
  }),
  z.strictObject({
    msgtype: z.literal('m.image'),
    body: z.string(),
    url: z.string().startsWith('mxc://'),
    info: z.strictObject({ mimetype: z.string(), size: z.int() }),
  }),
]);
