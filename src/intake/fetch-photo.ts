import type { IncomingMessage } from 'node:http';
import { WatchpostError } from '../errors.ts';
import { limits } from '../limits.ts';
import { call, causeOf, type Outgoing } from '../outgoing/index.ts';

/** How much of a photo may be fetched, and how long that may take. */
interface FetchLimits {
  readonly maxBytes: number;
  /** The limit fetchSeconds unless given. */
  readonly seconds?: number | undefined;
}

/**
 * Fetches a photo by its URL, once, without redirects.
 *
 * @throws {WatchpostError} url_invalid, address_refused; photo_url_failed if it cannot be reached, does not answer with
 *   status 200, or takes too long; body_too_large.
 */
export const fetchPhoto = async (
  url: string,
  outgoing: Outgoing,
  { maxBytes, seconds = limits.fetchSeconds.max }: FetchLimits,
): Promise<Buffer> => {
  const signal = AbortSignal.timeout(seconds * 1000);
  let response: IncomingMessage | undefined;
  try {
    response = await call(url, outgoing, { method: 'GET', headers: { accept: 'image/*' }, signal });
    if (response.statusCode !== 200) throw failed(`its server answered ${response.statusCode}`);
    return await readUpTo(response, maxBytes);
  } catch (error) {
    if (error instanceof WatchpostError) throw error;
    throw failed(signal.aborted ? `it did not arrive within ${seconds} s` : causeOf(error), error);
  } finally {
    response?.destroy();
  }
};

const failed = (why: string, cause?: unknown) =>
  new WatchpostError('photo_url_failed', `The photo could not be fetched: ${why}.`, {
    hint: 'Redirects are not followed, and no password is sent: give the address of the photo itself.',
    cause,
  });

const readUpTo = async (response: IncomingMessage, maxBytes: number): Promise<Buffer> => {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of response as AsyncIterable<Buffer>) {
    length += piece.length;
    if (length > maxBytes) {
      throw new WatchpostError(
        'body_too_large',
        `A photo may have ${Math.round(maxBytes / 1024 / 1024)} MB here.`,
        {
          hint: 'WATCHPOST_MAX_BODY_MB sets the limit.',
        },
      );
    }
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
};
