import { z } from 'zod';
import { settingText } from './fields.ts';
import { fileName } from './form.ts';
import type { Kind } from './kind.ts';
import { NotTaken } from './not-taken.ts';
import { cut, escapeHtml } from './text.ts';

/** A room of Matrix; the access token of the account that speaks there is the credential. The crop is a message of its own. */
export const matrix: Kind = {
  settings: z.strictObject({ room_id: settingText }),
  credential: 'required',
  hasPicture: true,
  async send(message, { url, credential, settings }, { ask }) {
    const base = url.replace(/\/+$/, '');
    const authorization = `Bearer ${credential}`;
    // A transaction id that the server knows already is not done again, so each attempt may do all of it.
    const put = (suffix: string, content: object) =>
      ask(
        `${base}/_matrix/client/v3/rooms/${encodeURIComponent(settings.room_id as string)}/send/m.room.message/${message.id}${suffix}`,
        { method: 'PUT', headers: { authorization }, body: content, says: 'error' },
      );
    const plain = message.write();
    const html = message.write(escapeHtml);
    const link = message.link;
    const { status } = await put('', {
      msgtype: 'm.text',
      body: cut(`${plain.title}\n${plain.text}${link ? `\n${link}` : ''}`, 4000),
      format: 'org.matrix.custom.html',
      formatted_body: `<strong>${cut(html.title, 300)}</strong><br>${cut(html.text, 3500).replaceAll('\n', '<br>')}${
        link ? `<br><a href="${escapeHtml(link)}">Open the alert</a>` : ''
      }`,
    });
    const { picture } = message;
    if (picture) {
      const { json } = await ask(`${base}/_matrix/media/v3/upload?filename=${fileName(picture.type)}`, {
        headers: { authorization, 'content-type': picture.type },
        body: picture.bytes,
        says: 'error',
      });
      if (typeof json?.content_uri !== 'string') throw new NotTaken(status, 'It took no picture.');
      await put('-face', {
        msgtype: 'm.image',
        body: fileName(picture.type),
        url: json.content_uri,
        info: { mimetype: picture.type, size: picture.bytes.length },
      });
    }
    return status;
  },
};
