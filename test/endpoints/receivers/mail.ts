import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { SMTPServer } from 'smtp-server';
import { atEnd } from '../../support/at-end.ts';
import type { Certificate } from '../../support/certificates.ts';
import { until } from '../../support/until.ts';

/**
 * A local mail server that takes mail of one user, and of everybody who does not log in.
 *
 * @param certificate of its TLS; omitted: it has none.
 * @param secure whether it speaks TLS from the first byte on; else it has STARTTLS.
 */
export const openMail = async (
  user: string,
  password: string,
  certificate?: Pick<Certificate, 'key' | 'cert'>,
  secure = false,
) => {
  const mails: string[] = [];
  const logins: { secure: boolean }[] = [];
  const server = new SMTPServer({
    ...(certificate ? { key: certificate.key, cert: certificate.cert } : { disabledCommands: ['STARTTLS'] }),
    secure,
    authOptional: true,
    authMethods: ['PLAIN', 'LOGIN'],
    allowInsecureAuth: true,
    onAuth: (auth, session, done) => {
      logins.push({ secure: session.secure });
      auth.username === user && auth.password === password
        ? done(null, { user })
        : done(Object.assign(new Error('Wrong password'), { responseCode: 535 }));
    },
    onData: (stream, _session, done) => {
      text(stream).then((mail) => {
        mails.push(mail);
        done();
      }, done);
    },
  });
  // A client that does not trust the certificate.
  server.on('error', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  atEnd(() => new Promise<void>((resolve) => server.close(() => resolve())));
  const { port } = server.server.address() as AddressInfo;
  return {
    url: `smtp${secure ? 's' : ''}://127.0.0.1:${port}`,
    port,
    logins,
    has: (count: number) => until(async () => mails.length >= count && mails),
  };
};
