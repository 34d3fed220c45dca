import { videoFrames } from './ffmpeg.ts';
import { LiveNames, type Source, SourceError } from './source.ts';

/** A camera of this machine, as one on USB: /dev/video0. */
export const deviceSource = (path: string): Source => ({
  isLive: true,
  async *frames(settings, { signal }) {
    const names = new LiveNames();
    for await (const { jpeg } of videoFrames({ input: ['-f', 'v4l2', '-i', path] }, settings, signal)) {
      const capturedAt = new Date();
      yield { bytes: jpeg, capturedAt, id: names.next(capturedAt) };
    }
    if (!signal.aborted) throw new SourceError('The device has ended the stream.');
  },
});
