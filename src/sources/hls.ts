import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse, setOptions, type types } from 'hls-parser';
import { bodyOf, request } from './request.ts';
import { SourceError, type SourceSettings, type SourceTools } from './source.ts';

setOptions({ strictMode: true, silent: true });

/** A segment of some seconds; at 50 Mbit/s ten of them. */
const segmentBytes = 64 * 2 ** 20;

type Media = types.MediaPlaylist;

/**
 * HLS as one video: its segments, fetched as they are published, each once. Of a live stream the last two that are there come
 * first.
 *
 * @param text the playlist at the URL.
 */
export const hlsVideo = (url: string, text: string, settings: SourceSettings, tools: SourceTools): Readable =>
  Readable.from(segments(url, text, settings, tools), { objectMode: false });

async function* segments(
  first: string,
  text: string,
  settings: SourceSettings,
  tools: SourceTools,
): AsyncGenerator<Buffer, void, undefined> {
  /** Credentials are for the server of the source only. */
  const get = async (url: string, most: number, headers?: Record<string, string>): Promise<Buffer> => {
    const userinfo = new URL(url).origin === new URL(first).origin ? settings.userinfo : null;
    return bodyOf(await request(url, userinfo, tools, headers), most);
  };
  const read = async (url: string) => playlistOf((await get(url, 2 ** 22)).toString());

  let url = first;
  let playlist = playlistOf(text);
  if (playlist.isMasterPlaylist) {
    url = new URL(variantOf(playlist as types.MasterPlaylist, settings.frameWidth), first).href;
    playlist = await read(url);
  }
  let next = -1;
  let map: string | undefined;
  for (;;) {
    const media = playlist as Media;
    const live = !media.endlist;
    if (next === -1 && live)
      next = (media.segments.at(-2) ?? media.segments.at(-1))?.mediaSequenceNumber ?? 0;
    for (const segment of media.segments) {
      if (segment.mediaSequenceNumber < next) continue;
      if (segment.key && segment.key.method !== 'NONE')
        throw new SourceError('The stream is encrypted, which is not read.');
      if (segment.map && segment.map.uri !== map) {
        map = segment.map.uri;
        yield await get(new URL(map, url).href, segmentBytes, rangeOf(segment.map.byterange));
      }
      yield await get(new URL(segment.uri, url).href, segmentBytes, rangeOf(segment.byterange));
      next = segment.mediaSequenceNumber + 1;
    }
    if (!live) return;
    await sleep(Math.min(10, media.targetDuration / 2) * 1000, undefined, { signal: tools.signal });
    playlist = await read(url);
    // The server has begun anew.
    if (((playlist as Media).mediaSequenceBase ?? 0) > next || lastOf(playlist as Media) + 1 < next)
      next = -1;
  }
}

const lastOf = ({ segments: all, mediaSequenceBase }: Media): number =>
  (mediaSequenceBase ?? 0) + all.length - 1;

const playlistOf = (text: string): Media | types.MasterPlaylist => {
  try {
    return parse(text) as Media | types.MasterPlaylist;
  } catch {
    throw new SourceError('The playlist of the stream is not one of HLS.');
  }
};

/** The largest picture, or the smallest that is as wide as wanted. */
const variantOf = ({ variants }: types.MasterPlaylist, frameWidth: number | null): string => {
  const videos = variants
    .filter((one) => !one.isIFrameOnly)
    .sort((a, b) => widthOf(a) - widthOf(b) || a.bandwidth - b.bandwidth);
  const chosen = videos.find((one) => frameWidth !== null && widthOf(one) >= frameWidth) ?? videos.at(-1);
  if (!chosen) throw new SourceError('The playlist of the stream has no video.');
  return chosen.uri;
};

const widthOf = ({ resolution }: types.Variant): number => resolution?.width ?? 0;

const rangeOf = (range: { length: number; offset: number } | undefined): Record<string, string> =>
  range ? { range: `bytes=${range.offset}-${range.offset + range.length - 1}` } : {};
