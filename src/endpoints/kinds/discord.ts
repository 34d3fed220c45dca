import { z } from 'zod';
import { fileName, formOf } from './form.ts';
import type { Kind } from './kind.ts';
import { cut } from './text.ts';

/** What Discord's Markdown gives a meaning. */
const escapeMarkdown = (text: string): string => text.replace(/[\\*_~`|>#()[\]<@:-]/g, '\\$&');

const colors = { info: 0x3b82f6, warning: 0xf59e0b, critical: 0xdc2626 };

/** A webhook of a channel of Discord, the last part of whose address is the credential; the crop is an attachment. */
export const discord: Kind = {
  settings: z.strictObject({}),
  credential: 'required',
  hasPicture: true,
  async send(message, { url, credential }, { ask }) {
    const { title, text } = message.write(escapeMarkdown);
    const payload = {
      // Nobody is called by a name that happens to be one of Discord's.
      allowed_mentions: { parse: [] },
      embeds: [
        {
          title: cut(title, 256),
          description: cut(text, 4096),
          color: colors[message.severity],
          ...(message.link ? { url: message.link } : {}),
          ...(message.picture ? { image: { url: 'attachment://face' } } : {}),
        },
      ],
    };
    const { picture } = message;
    const sent = picture
      ? formOf(
          {
            payload_json: JSON.stringify(payload).replace(
              'attachment://face',
              `attachment://${fileName(picture.type)}`,
            ),
          },
          'files[0]',
          picture,
          message.id,
        )
      : { body: payload };
    const { status } = await ask(`${url}/${credential}?wait=true`, { ...sent, says: 'message' });
    return status;
  },
};
