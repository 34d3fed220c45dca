import { z } from 'zod';
import { wordsOf } from './ask.ts';
import { settingText } from './fields.ts';
import { fileName } from './form.ts';
import type { Kind, Message, Picture, Receiver, Sending } from './kind.ts';
import { NotTaken } from './not-taken.ts';
import { cut } from './text.ts';

/** What Slack gives a meaning: https://docs.slack.dev/messaging/formatting-message-text. */
const escapeMrkdwn = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/**
 * Slack. With a channel, by the token of a bot (chat:write, files:write): the crop is uploaded. Without one, by an incoming
 * webhook, the last part of whose address is the credential: the crop is a link that Slack fetches.
 */
export const slack: Kind = {
  settings: z.strictObject({ channel: settingText.optional() }),
  credential: 'required',
  usualUrl: 'https://slack.com',
  hasPicture: true,
  async send(message, receiver, sending) {
    const { channel } = receiver.settings;
    if (channel === undefined) {
      const { status } = await sending.ask(`${receiver.url}/${receiver.credential}`, {
        body: contentOf(message, message.picture?.url),
      });
      return status;
    }
    const { status } = message.picture
      ? await share(message, message.picture, channel, receiver, sending)
      : await ask('chat.postMessage', { channel, ...contentOf(message) }, receiver, sending);
    return status;
  },
};

const textOf = (message: Message): string => {
  const { title, text } = message.write(escapeMrkdwn);
  const link = message.link === undefined ? '' : `\n<${message.link}|Open the alert>`;
  return `${cut(`*${title}*\n${text}`, 2900 - link.length)}${link}`;
};

const contentOf = (message: Message, imageUrl?: string) => ({
  text: textOf(message),
  blocks: [
    { type: 'section', text: { type: 'mrkdwn', text: textOf(message) } },
    ...(imageUrl ? [{ type: 'image', image_url: imageUrl, alt_text: altText }] : []),
  ],
});

const altText = 'The face that was seen';

/** A method of the Web API, which answers 200 also to what it refuses. */
const ask = async (
  method: string,
  body: object | URLSearchParams,
  { url, credential }: Receiver,
  sending: Sending,
) => {
  const isForm = body instanceof URLSearchParams;
  const answer = await sending.ask(`${url}/api/${method}`, {
    headers: {
      authorization: `Bearer ${credential}`,
      'content-type': isForm ? 'application/x-www-form-urlencoded' : 'application/json; charset=utf-8',
    },
    body: isForm ? body.toString() : JSON.stringify(body),
    says: 'error',
  });
  if (answer.json?.ok === true) return answer;
  throw new NotTaken(answer.status, `It refused ${method}.${wordsOf(answer.json?.error)}`);
};

/** Uploads the crop, which is seen by nobody until it is shared with the text: an attempt that fails before leaves nothing. */
const share = async (
  message: Message,
  picture: Picture,
  channel: string,
  receiver: Receiver,
  sending: Sending,
) => {
  const { json } = await ask(
    'files.getUploadURLExternal',
    new URLSearchParams({
      filename: fileName(picture.type),
      length: String(picture.bytes.length),
      alt_txt: altText,
    }),
    receiver,
    sending,
  );
  await sending.ask(json.upload_url, { headers: { 'content-type': picture.type }, body: picture.bytes });
  const files = [{ id: json.file_id, title: altText }];
  return ask(
    'files.completeUploadExternal',
    { files, channel_id: channel, initial_comment: textOf(message) },
    receiver,
    sending,
  );
};
