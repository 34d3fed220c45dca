import { z } from 'zod';
import { settingText } from './fields.ts';
import { formOf } from './form.ts';
import type { Kind } from './kind.ts';
import { cut, escapeHtml } from './text.ts';

/** A bot of Telegram, whose token is the credential; the crop is a photo with the text as its caption. */
export const telegram: Kind = {
  settings: z.strictObject({ chat_id: settingText }),
  credential: 'required',
  usualUrl: 'https://api.telegram.org',
  hasPicture: true,
  async send(message, { url, credential, settings }, { ask }) {
    const { title, text } = message.write(escapeHtml);
    const link =
      message.link === undefined ? '' : `\n<a href="${escapeHtml(message.link)}">Open the alert</a>`;
    // A caption may have 1024 characters, a message 4096; both without the marks.
    const words = `<b>${cut(title, 200)}</b>\n${cut(text, message.picture ? 780 : 3500)}${link}`;
    const method = `${url}/bot${credential}`;
    const common = { chat_id: settings.chat_id as string, parse_mode: 'HTML' };
    const { status } = message.picture
      ? await ask(`${method}/sendPhoto`, {
          ...formOf({ ...common, caption: words }, 'photo', message.picture, message.id),
          says: 'description',
        })
      : await ask(`${method}/sendMessage`, { body: { ...common, text: words }, says: 'description' });
    return status;
  },
};
