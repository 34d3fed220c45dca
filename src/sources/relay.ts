import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { pipeline, Transform } from 'node:stream';
import { connect as connectTls, TLSSocket } from 'node:tls';
import { causeOf, certified, tlsProblemOf } from '../outgoing/index.ts';
import { SourceError } from './source.ts';

/** A server of RTSP, at an address that was judged. */
interface Server {
  readonly isSecure: boolean;
  /** The name, or address, that its certificate has to have. */
  readonly host: string;
  readonly address: string;
  readonly port: number;
  /** SHA-256 of its certificate in hexadecimal digits, which then counts in place of name and authority. */
  readonly fingerprint: string | undefined;
}

/** Milliseconds for the connection, with its TLS. */
const patienceMs = 10_000;

/**
 * Connects to a server, and gives a port of loopback behind which one client has that connection, without TLS. ffmpeg by itself
 * would follow the server to any other one, and would not verify its certificate, as it is given an address.
 *
 * @throws {SourceError} the server cannot be reached, or its certificate is not the one it has to be.
 */
export const openRelay = async (
  server: Server,
  signal: AbortSignal,
): Promise<{ port: number; close: () => void }> => {
  const camera = await reach(server, signal);
  const relay = createServer((client) => {
    relay.close();
    pipeline(client, camera, () => {});
    pipeline(camera, withoutRedirects(), client, () => {});
  });
  try {
    await once(relay.listen(0, '127.0.0.1'), 'listening');
  } catch (error) {
    camera.destroy();
    throw error;
  }
  const close = () => {
    relay.close();
    camera.destroy();
  };
  camera.once('close', () => relay.close());
  return { port: (relay.address() as AddressInfo).port, close };
};

const reach = async (
  { isSecure, host, address, port, fingerprint }: Server,
  signal: AbortSignal,
): Promise<Socket> => {
  const place = { host: address, port };
  const socket = isSecure
    ? connectTls({ ...place, ...certified(host), rejectUnauthorized: fingerprint === undefined })
    : connect(place);
  const late = AbortSignal.timeout(patienceMs);
  try {
    await once(socket, isSecure ? 'secureConnect' : 'connect', { signal: AbortSignal.any([signal, late]) });
    if (socket instanceof TLSSocket && fingerprint !== undefined) assertFingerprint(socket, fingerprint);
    // Whoever reads it finds out what becomes of it.
    socket.on('error', () => {});
    return socket;
  } catch (error) {
    socket.on('error', () => {}).destroy();
    if (error instanceof SourceError) throw error;
    const reason = late.aborted ? `no answer within ${patienceMs / 1000} s` : causeOf(error);
    const pinned = tlsProblemOf(error)?.includes('certificate')
      ? '; or the fingerprint of its certificate behind #sha256= in the URL'
      : '';
    throw new SourceError(`The server cannot be reached: ${reason}${pinned}.`);
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
