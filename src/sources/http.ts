import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { limits } from '../limits.ts';
import { soon, videoFrames } from './ffmpeg.ts';
import { hlsVideo } from './hls.ts';
import { JpegStream } from './jpeg-stream.ts';
import { reduced } from './reduce.ts';
import { bodyOf, request } from './request.ts';
import {
  connectionBroke,
  type Frame,
  LiveNames,
  Pace,
  type Source,
  SourceError,
  type SourceSettings,
  type SourceTools,
} from './source.ts';

type Frames = AsyncGenerator<Frame, void, undefined>;

/** What is at a URL, by the type that its server says: MJPEG, a still picture that is asked for again, HLS, or a video. */
export const httpSource = (url: string): Source => ({
  isLive: true,
  async *frames(settings, tools) {
    const answer = await request(url, settings.userinfo, tools);
    const type = String(answer.headers['content-type'] ?? '').toLowerCase();
    if (type.startsWith('multipart/')) yield* mjpeg(answer, settings);
    else if (type.startsWith('image/')) yield* still(url, answer, settings, tools);
    else if (/mpegurl/.test(type) || /\.m3u8$/i.test(new URL(url).pathname)) {
      const playlist = (await bodyOf(answer, 2 ** 22)).toString();
      yield* ofVideo(hlsVideo(url, playlist, settings, tools), settings, tools.signal);
    } else if (/^(video\/|application\/octet-stream)/.test(type)) {
      yield* ofVideo(answer, settings, tools.signal);
    } else {
      answer.destroy();
      throw new SourceError(
        `The server answers ${type.split(';')[0] || 'no type'}: neither picture nor video.`,
      );
    }
  },
});

/** Only frames that are due are looked at any further: nothing is decoded. */
async function* mjpeg(answer: IncomingMessage, settings: SourceSettings): Frames {
  const [pictures, pace, names] = [new JpegStream(), new Pace(settings.rate), new LiveNames()];
  // A camera that hangs keeps the connection.
  answer.setTimeout(30_000, () => answer.destroy(new SourceError('The stream stands still for 30 s.')));
  try {
    for await (const piece of answer as AsyncIterable<Buffer>) {
      for (const jpeg of pictures.push(piece)) {
        if (!pace.isDue()) continue;
        const capturedAt = new Date();
        yield { bytes: await reduced(jpeg, settings), capturedAt, id: names.next(capturedAt) };
      }
    }
    throw new SourceError('The server has ended the stream.');
  } catch (error) {
    throw error instanceof SourceError ? error : new SourceError(connectionBroke);
  } finally {
    answer.destroy();
  }
}

/** Asks again at the rate of the camera. A picture that is the same as before was not taken anew. */
async function* still(
  url: string,
  first: IncomingMessage,
  settings: SourceSettings,
  tools: SourceTools,
): Frames {
  const names = new LiveNames();
  let last: Buffer | undefined;
  for (let answer = first; ; answer = await request(url, settings.userinfo, tools)) {
    const due = performance.now() + 1000 / settings.rate;
    const bytes = await bodyOf(answer, limits.photoBytes.max);
    if (!last?.equals(bytes)) {
      const capturedAt = new Date();
      yield { bytes: await reduced(bytes, settings), capturedAt, id: names.next(capturedAt) };
    }
    last = bytes;
    await sleep(Math.max(0, due - performance.now()), undefined, { signal: tools.signal });
  }
}

/** Read here and decoded by ffmpeg: it is told no address and no password. */
async function* ofVideo(
  stdin: Parameters<typeof videoFrames>[0]['stdin'] & object,
  settings: SourceSettings,
  signal: AbortSignal,
): Frames {
  const names = new LiveNames();
  const input = [...soon, '-protocol_whitelist', 'pipe', '-i', 'pipe:0'];
  for await (const { jpeg } of videoFrames({ input, stdin }, settings, signal)) {
    const capturedAt = new Date();
    yield { bytes: jpeg, capturedAt, id: names.next(capturedAt) };
  }
}
