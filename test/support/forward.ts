import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { atEnd } from './at-end.ts';
import type { Certificate } from './certificates.ts';

/**
 * A server on a free port of loopback that hands everything on to another port; closed when the test file has ended.
 *
 * @param options.certificate what it speaks TLS with; none: it does not.
 * @param options.answer may change what comes back.
 */
export const forward = async (
  to: number,
  options: { certificate?: Certificate; answer?: (piece: Buffer, port: number) => Buffer } = {},
) => {
  const seen = { bytes: 0 };
  const open = new Set<Socket>();
  const pass = (client: Socket) => {
    const server = connect(to, '127.0.0.1');
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      open.add(one);
      one
        .on('error', () => {})
        .on('close', () => {
          open.delete(one);
          other.destroy();
        });
    }
    client.pipe(server);
    server.on('data', (piece) => {
      seen.bytes += piece.length;
      client.write(options.answer?.(piece, port) ?? piece);
    });
  };
  const { key, cert } = options.certificate ?? {};
  const listener = cert ? createTlsServer({ key, cert }, pass) : createServer(pass);
  // A client that does not trust the certificate.
  listener.on('tlsClientError', () => {});
  await once(listener.listen(0, '127.0.0.1'), 'listening');
  const { port } = listener.address() as AddressInfo;
  atEnd(() => {
    for (const one of open) one.destroy();
    listener.close();
  });
  return { port, seen };
};
