import { z } from 'zod';
import { causeOf, certified, reach } from '../../outgoing/index.ts';
import { wordsOf } from './ask.ts';
import { settingText } from './fields.ts';
import { fileName } from './form.ts';
import type { Kind } from './kind.ts';
import { NotTaken } from './not-taken.ts';
import { cut, escapeHtml } from './text.ts';

/**
 * A mail server: smtps, or smtp with STARTTLS, without which nothing is sent unless the settings name its network, and no password
 * even then. The password is the credential; the crop is shown within the message.
 */
export const email: Kind = {
  settings: z.strictObject({ from: settingText, to: settingText, user: settingText.optional() }),
  credential: 'optional',
  scheme: 'smtp',
  hasPicture: true,
  async send(message, { url, credential, settings }, { outgoing, signal }) {
    const server = await reach(url, outgoing, 'smtp', signal);
    // Loaded when the first mail is sent: most installations send none.
    const { createTransport } = await import('nodemailer');
    const transport = createTransport({
      host: server.address,
      port: server.port ?? (server.isSecure ? 465 : 587),
      secure: server.isSecure,
      requireTLS: !server.isNamed || settings.user !== undefined,
      tls: certified(server.host),
      connectionTimeout: 10_000,
      greetingTimeout: 10_000,
      socketTimeout: 10_000,
      disableFileAccess: true,
      disableUrlAccess: true,
      ...(settings.user ? { auth: { user: settings.user, pass: credential ?? '' } } : {}),
    });
    const abort = () => transport.close();
    signal.addEventListener('abort', abort);
    const plain = message.write();
    const html = message.write(escapeHtml);
    const { link, picture } = message;
    try {
      const { response } = await transport.sendMail({
        from: settings.from,
        to: settings.to,
        subject: cut(plain.title.replace(/\p{Cc}+/gu, ' '), 250),
        text: `${plain.text}${link ? `\n\n${link}` : ''}\n`,
        html: `<p><strong>${html.title}</strong></p><p>${html.text.replaceAll('\n', '<br>')}</p>${
          picture ? '<p><img src="cid:face" alt="The face that was seen" width="224"></p>' : ''
        }${link ? `<p><a href="${escapeHtml(link)}">Open the alert</a></p>` : ''}`,
        messageId: `<${message.id}@watchpost>`,
        ...(message.severity === 'critical' ? { priority: 'high' as const } : {}),
        ...(picture
          ? {
              attachments: [
                {
                  cid: 'face',
                  filename: fileName(picture.type),
                  contentType: picture.type,
                  content: picture.bytes,
                },
              ],
            }
          : {}),
      });
      return Number(/^\d{3}/.exec(response)?.[0] ?? 250);
    } catch (error) {
      const { code, responseCode, response } = error as {
        code?: string;
        responseCode?: number;
        response?: string;
      };
      if (code === 'ETLS' && responseCode !== undefined)
        throw new NotTaken(
          responseCode,
          'It has no STARTTLS, without which no password is sent: use smtps://.',
        );
      if (responseCode === undefined) throw new Error(causeOf(error), { cause: error });
      throw new NotTaken(
        responseCode,
        `It answered ${responseCode}.${wordsOf(response?.replace(/^\d{3}[ -]/, ''))}`,
      );
    } finally {
      signal.removeEventListener('abort', abort);
      transport.close();
    }
  },
};
