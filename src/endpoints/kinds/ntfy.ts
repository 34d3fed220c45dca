import { z } from 'zod';
import { fileName } from './form.ts';
import type { Kind } from './kind.ts';
import { cut } from './text.ts';

const priorities = { info: '3', warning: '4', critical: '5' };

/** A header may have ASCII only (RFC 2047). */
const header = (text: string): string =>
  `=?UTF-8?B?${Buffer.from(text.replaceAll('\n', '\\n')).toString('base64')}?=`;

/** A topic of ntfy, with an access token if the server asks for one; the crop is an attachment. */
export const ntfy: Kind = {
  settings: z.strictObject({}),
  credential: 'optional',
  hasPicture: true,
  async send(message, { url, credential }, { ask }) {
    const { title, text } = message.write();
    const words = cut(text, 2000);
    const headers = {
      title: header(cut(title, 250)),
      priority: priorities[message.severity],
      tags: message.type,
      ...(message.link ? { click: message.link } : {}),
      ...(credential ? { authorization: `Bearer ${credential}` } : {}),
    };
    const { status } = message.picture
      ? await ask(url, {
          method: 'PUT',
          headers: { ...headers, message: header(words), filename: fileName(message.picture.type) },
          body: message.picture.bytes,
          says: 'error',
        })
      : await ask(url, { headers, body: words, says: 'error' });
    return status;
  },
};
