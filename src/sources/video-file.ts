import { stat } from 'node:fs/promises';
import { videoFrames } from './ffmpeg.ts';
import type { Source } from './source.ts';

/**
 * A video file. Its frames have the times at which they were taken: the file was last written when its recording ended, so it
 * began its length before that.
 *
 * @param path absolute.
 * @param begins when the recording began, where that is known.
 */
export const videoFile = (path: string, begins?: Date): Source => ({
  isLive: false,
  async *frames(settings, { signal }) {
    const { mtimeMs, size } = await stat(path);
    const input = ['-protocol_whitelist', 'file,pipe,crypto', '-i', `file:${path}`];
    const video = videoFrames({ input, positions: true }, settings, signal);
    for await (const { jpeg, seconds, duration = 0 } of video) {
      const beginning = begins?.getTime() ?? mtimeMs - duration * 1000;
      yield {
        bytes: jpeg,
        capturedAt: new Date(beginning + seconds * 1000),
        id: `${path} ${size} ${mtimeMs} ${seconds}`,
      };
    }
  },
});
