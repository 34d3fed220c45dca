import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { pipeline, Transform } from 'node:stream';
import { connect, type TLSSocket } from 'node:tls';
import { causeOf, certified, tlsProblemOf } from '../outgoing/index.ts';
import { SourceError } from './source.ts';

/** A server that speaks TLS, at an address that was judged. */
interface SecureServer {
  /** The name, or address, that its certificate has to have. */
  readonly host: string;
  readonly address: string;
  readonly port: number;
  /** SHA-256 of its certificate in hexadecimal digits, which then counts in place of name and authority. */
  readonly fingerprint: string | undefined;
}

/** Milliseconds for the connection, and for its TLS. */
const patienceMs = 10_000;

/**
 * Connects by TLS, and gives a port of loopback behind which one client has that connection without it: ffmpeg would not verify
 * the certificate, as it is given an address.
 *
 * @throws {SourceError} the server cannot be reached, or its certificate is not the one it has to be.
 */
export const openRelay = async (
  server: SecureServer,
  signal: AbortSignal,
): Promise<{ port: number; close: () => void }> => {
  const secure = await connectSecurely(server, signal);
  const relay = createServer((plain) => {
    relay.close();
    pipeline(plain, secure, () => {});
    pipeline(secure, withoutRedirects(), plain, () => {});
  });
  try {
    await once(relay.listen(0, '127.0.0.1'), 'listening');
  } catch (error) {
    secure.destroy();
    throw error;
  }
  const close = () => {
    relay.close();
    secure.destroy();
  };
  secure.once('close', () => relay.close());
  return { port: (relay.address() as AddressInfo).port, close };
};

const connectSecurely = async (
  { host, address, port, fingerprint }: SecureServer,
  signal: AbortSignal,
): Promise<TLSSocket> => {
  const socket = connect({
    ...{ host: address, port, ...certified(host) },
    rejectUnauthorized: fingerprint === undefined,
  });
  const late = AbortSignal.timeout(patienceMs);
  try {
    await once(socket, 'secureConnect', { signal: AbortSignal.any([signal, late]) });
    if (fingerprint !== undefined) assertFingerprint(socket, fingerprint);
    // Whoever reads it finds out what becomes of it.
    socket.on('error', () => {});
    return socket;
  } catch (error) {
    socket.on('error', () => {}).destroy();
    if (error instanceof SourceError) throw error;
    const reason = late.aborted ? `no answer within ${patienceMs / 1000} s` : causeOf(error);
    const pinned =
      tlsProblemOf(error) && '; or the fingerprint of its certificate behind #sha256= in the URL';
    throw new SourceError(`The server cannot be reached: ${reason}${pinned ?? ''}.`);
  }
};

const assertFingerprint = (socket: TLSSocket, fingerprint: string): void => {
  const wanted = fingerprint.replaceAll(':', '').toUpperCase();
  if (socket.getPeerX509Certificate()?.fingerprint256.replaceAll(':', '') === wanted) return;
  throw new SourceError(
    'The server has another certificate than the one whose fingerprint is in the URL: if it was replaced, put the new one there.',
  );
};

/** Ends what comes before ffmpeg has read the header by which it would connect to another server, which nobody has judged. */
const withoutRedirects = (): Transform => {
  let end = '';
  return new Transform({
    transform(piece: Buffer, _, done) {
      // Read as ffmpeg reads: it leaves out each CR.
      const text = end + piece.toString('latin1').replaceAll('\r', '');
      end = text.slice(-9);
      if (/\nlocation:/i.test(text)) done(new Error('redirects are not followed'));
      else done(null, piece);
    },
  });
};
