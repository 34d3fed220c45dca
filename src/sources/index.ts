import { deviceSource } from './device.ts';
import { frigateSource } from './frigate.ts';
import { httpSource } from './http.ts';
import { rtspSource } from './rtsp.ts';
import { s3Source } from './s3.ts';
import { type Source, SourceError } from './source.ts';

/** Where frames come from: streams, videos, stills, devices, buckets, Frigate. Each source gives frames with the time of each. */

export { findFfmpeg } from './ffmpeg.ts';
export {
  type Frame,
  type Region,
  type Source,
  SourceError,
  type SourceSettings,
  type SourceTools,
  withoutSecrets,
} from './source.ts';
export { videoFile } from './video-file.ts';

/**
 * The source at a URL without user and password, or a device.
 *
 * @throws {SourceError} for another URL.
 */
export const sourceAt = (url: string): Source => {
  if (url.startsWith('/dev/video')) return deviceSource(url);
  const scheme = url.slice(0, url.indexOf(':')).toLowerCase();
  if (scheme === 'rtsp' || scheme === 'rtsps') return rtspSource(url);
  if (scheme === 'http' || scheme === 'https') return httpSource(url);
  if (scheme === 's3') return s3Source(url);
  if (scheme === 'mqtt' || scheme === 'mqtts') return frigateSource(url);
  throw new SourceError('Frames are not taken from such a URL.');
};

/** A URL, and the user and password that were in it: user:password, percent-encoded. */
export const splitUrl = (text: string): { url: string; userinfo: string | null } => {
  const [, scheme, userinfo, rest] = /^([a-z0-9]+:\/\/)([^/?#]*)@([^@/?#]*(?:[/?#].*)?)$/i.exec(text) ?? [];
  return scheme === undefined
    ? { url: text, userinfo: null }
    : { url: `${scheme}${rest}`, userinfo: userinfo || null };
};
