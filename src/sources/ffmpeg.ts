import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { JpegStream } from './jpeg-stream.ts';
import { filtersOf } from './reduce.ts';
import { connectionBroke, notAdmitted, SourceError, type SourceSettings, withoutSecrets } from './source.ts';

/** Videos are decoded by the system's ffmpeg, in a process of its own a source. */

const install =
  'Install ffmpeg 5.1 or newer, as by "apt-get install ffmpeg", so that it is on the PATH of the worker.';

/**
 * The version of ffmpeg on the PATH.
 *
 * @throws {SourceError} if there is none, or one older than 5.1, which does not know all options that are used.
 */
export const findFfmpeg = async (): Promise<string> => {
  const { stdout } = await promisify(execFile)('ffmpeg', ['-version']).catch((error: { code?: unknown }) => {
    throw new SourceError(
      error.code === 'ENOENT' ? `There is no ffmpeg. ${install}` : `ffmpeg does not start. ${install}`,
    );
  });
  const [, version = 'of unknown version'] = /^ffmpeg version (\S+)/.exec(stdout) ?? [];
  const [major, minor] = /^n?(\d+)\.(\d+)/.exec(version)?.slice(1).map(Number) ?? [];
  // A build from its repository has a date in place of a number, and is new.
  if (major !== undefined && minor !== undefined && (major < 5 || (major === 5 && minor < 1)))
    throw new SourceError(`ffmpeg ${version} is too old. ${install}`);
  return version;
};

/** A video as ffmpeg is given it. */
interface Video {
  /** Its options before the input, and the input. */
  readonly input: readonly string[];
  /** What it reads from standard input; undefined: nothing. */
  readonly stdin?: string | Readable;
  /** Whether the position of each frame is asked for. */
  readonly positions?: boolean;
}

/** A frame of a video. */
interface VideoFrame {
  readonly jpeg: Buffer;
  /** Seconds from the beginning of the video, where positions are asked for. */
  readonly seconds: number;
  /** Length of the video in seconds, as far as its header says. */
  readonly duration: number | undefined;
}

/** Options of the input of a live stream: it is looked into for a second, and not for five, before its first frame. */
export const soon = ['-analyzeduration', '1000000', '-fpsprobesize', '0'];

/** Seconds without a frame after which a source counts as broken. */
const silentSeconds = 30;

/**
 * The frames of a video. Frames are decoded only as fast as they are taken.
 *
 * @throws {SourceError} if ffmpeg is missing or fails: with its reason, without credentials.
 */
export async function* videoFrames(
  { input, stdin, positions = false }: Video,
  settings: SourceSettings,
  signal: AbortSignal,
): AsyncGenerator<VideoFrame, void, undefined> {
  await findFfmpeg();
  // Frames are left out, and none is repeated, whatever the rate of the source.
  const filters = [
    // The first frame of each interval: counted from the frame before, 2 a second of a stream of 25 would come as 1.92.
    `select='isnan(prev_selected_t)+gt(floor(t*${settings.rate}+0.001),floor(prev_selected_t*${settings.rate}+0.001))'`,
    ...filtersOf(settings),
    ...(positions ? ['showinfo=checksum=0'] : []),
    'format=yuvj420p',
  ];
  const child = spawn('ffmpeg', [
    ...['-hide_banner', '-nostats', '-loglevel', 'level+info', '-hwaccel', 'auto'],
    ...input,
    ...['-map', '0:v:0', '-an', '-sn', '-vf', filters.join(','), '-fps_mode', 'vfr'],
    ...['-c:v', 'mjpeg', '-q:v', '3', '-f', 'image2pipe', 'pipe:1'],
  ]);
  const closed = once(child, 'close');
  closed.catch(() => {});
  const kill = () => child.kill('SIGKILL');
  signal.addEventListener('abort', kill);
  let isSilent = false;
  const silence = setTimeout(
    () => {
      isSilent = true;
      kill();
    },
    Math.max(silentSeconds, 3 / settings.rate) * 1000,
  );
  let broken: Error | undefined;
  const said = new Said(child.stderr);
  // ffmpeg may end before it has read everything.
  if (typeof stdin === 'string') child.stdin.on('error', () => {}).end(stdin);
  else if (stdin) {
    pipeline(stdin, child.stdin).catch((error: NodeJS.ErrnoException) => {
      // ffmpeg takes it for the end of the video, unless it was ffmpeg that has ended.
      if (error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_PREMATURE_CLOSE') broken = error;
    });
  } else child.stdin.end();
  try {
    const pictures = new JpegStream();
    for await (const piece of child.stdout as AsyncIterable<Buffer>) {
      for (const jpeg of pictures.push(piece)) {
        silence.refresh();
        yield {
          jpeg,
          seconds: positions ? await said.nextPosition() : 0,
          duration: said.duration,
        };
        silence.refresh();
      }
    }
    const [code] = await closed;
    if (signal.aborted) return;
    if (broken) throw broken instanceof SourceError ? broken : new SourceError(connectionBroke);
    if (code === 0) return;
    if (/\b401 ?Unauthorized/.test(said.reason ?? '')) throw new SourceError(notAdmitted);
    const reason = isSilent ? `no frame for ${silentSeconds} s` : (said.reason ?? `it ended with ${code}`);
    throw new SourceError(`The stream cannot be read: ${withoutSecrets(reason, settings.userinfo)}.`);
  } finally {
    clearTimeout(silence);
    signal.removeEventListener('abort', kill);
    kill();
    if (typeof stdin === 'object') stdin.destroy();
  }
}

/** What ffmpeg says on its standard error. */
class Said {
  /** Of the last error. */
  reason: string | undefined;
  duration: number | undefined;
  readonly #positions: number[] = [];
  #waiting: ((seconds: number) => void) | undefined;
  #rest = '';

  constructor(stderr: Readable) {
    stderr.setEncoding('utf8').on('data', (text: string) => {
      const lines = (this.#rest + text).split('\n');
      this.#rest = (lines.pop() ?? '').slice(-10_000);
      for (const line of lines) this.#read(line);
    });
  }

  /** The position of the next frame, in seconds. It is said before the frame is written, and may be read after it. */
  nextPosition(): Promise<number> {
    const next = this.#positions.shift();
    if (next !== undefined) return Promise.resolve(next);
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  #read(line: string): void {
    const [, position] = /\bn: *\d+ pts: *\S+ +pts_time: *(-?[\d.]+)/.exec(line) ?? [];
    if (position !== undefined) this.#tell(Number(position));
    const [, hours, minutes, seconds] = /^\[info\] +Duration: (\d+):(\d+):([\d.]+)/.exec(line) ?? [];
    if (hours !== undefined) this.duration = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
    const [, error] = /\[(?:error|fatal)\] (.*)$/.exec(line) ?? [];
    // The first one is the cause; what follows from it is said later. A device that cannot decode is no error.
    if (error !== undefined && !/device|cuda|X11|Device creation/i.test(line)) this.reason ??= error;
  }

  #tell(seconds: number): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting) waiting(seconds);
    else this.#positions.push(seconds);
  }
}
