import { setTimeout as sleep } from 'node:timers/promises';
import { CommandError } from '../errors.ts';
import { parseNetwork } from '../outgoing/index.ts';
import { type Frame, type SourceSettings, sourceAt, splitUrl, videoFile } from '../sources/index.ts';
import {
  FrigateLabels,
  keyOf,
  knownFrame,
  newReport,
  type SubmittedFrame,
  type Target,
  watchCamera,
} from '../streams/index.ts';
import { findCamera, readCamera } from '../watchlist/registry.ts';
import { connect } from './program/connect.ts';
import { explain } from './program/explain.ts';
import { print, printJson } from './program/io.ts';
import type { Context } from './program/session.ts';
import { codeOf } from './submit.ts';
import { byApi, byDatabase, type Way } from './submit-ways.ts';
import { isOfAll, isPassing } from './watch-intake.ts';

export interface SourceOptions {
  readonly camera?: string;
  readonly fps?: number;
  readonly begins?: string;
  readonly api?: string;
  readonly json?: boolean;
}

/** Whoever types a URL may call it wherever it leads: the rules are for what others set. */
const everywhere = ['0.0.0.0/0', '::/0'].map(parseNetwork).filter((network) => network !== undefined);

/**
 * Submits the frames of a stream, a device or a video, until a signal or its end.
 *
 * @param given a URL, a device, or the absolute path of a file.
 */
export const watchSource = async (
  context: Context,
  given: string,
  options: SourceOptions,
): Promise<boolean> => {
  const { io, log, stopper } = context;
  if (options.camera === undefined && !/^mqtts?:/i.test(given))
    throw new CommandError('Say of which camera the frames are: --camera NAME.');
  const { url, userinfo } = splitUrl(given);
  const begins = options.begins === undefined ? undefined : new Date(options.begins);
  const source =
    given.startsWith('/') && !given.startsWith('/dev/') ? videoFile(given, begins) : sourceAt(url);
  const camera = await settingsOf(context, options);
  const way =
    options.api === undefined ? await byDatabase(context, options) : byApi(context, options.api, options);
  const report = newReport();
  const stopping = new AbortController();
  void context.untilSignal();
  io.stderr.write(`watching; stop with Ctrl-C\n`);
  const watching = watchCamera(
    {
      ...{ log, report, camera: options.camera ?? 'of all' },
      outgoing: { networks: everywhere },
      open: () => source,
      // A file that cannot be read will not be read later either.
      once: !source.isLive,
      settings: () => ({ ...camera.settings, userinfo }),
      target: throughWay(context, way, camera, options.json ?? false),
    },
    stopping.signal,
  ).then(() => {
    const { read, submitted, known, dropped } = report;
    if (options.json) printJson(io, { read, submitted, known, dropped });
    else print(io, `${read} frames, ${submitted} submitted, ${known} known, ${dropped} dropped`);
  });
  // Before the database is closed; what it throws is thrown below.
  stopper.add(async () => {
    stopping.abort();
    await watching;
  });
  await watching;
  return true;
};

type Camera = { readonly id: string; readonly settings: SourceSettings };

/** As the camera is set in the database; through the API, and of several cameras, nothing is known of it. */
const settingsOf = async (context: Context, options: SourceOptions): Promise<Camera> => {
  const plain = { userinfo: null, position: null, camera: options.camera };
  if (options.api !== undefined || options.camera === undefined) {
    const settings = { ...plain, rate: options.fps ?? 1, region: null, frameWidth: null };
    return { id: options.camera ?? '', settings };
  }
  const { db } = await connect(context);
  const camera = await readCamera(db, await findCamera(db, options.camera));
  return {
    id: camera.id,
    settings: {
      ...plain,
      rate: options.fps ?? camera.frames_per_second ?? 1,
      region: camera.region,
      frameWidth: camera.frame_width,
    },
  };
};

/** Waits while the database or the API is away or full, and says so once. */
const throughWay = ({ io, log }: Context, way: Way, { id }: Camera, json: boolean): Target => {
  const labels = new FrigateLabels({ networks: everywhere }, log);
  const show = (frame: Frame, { id, known }: SubmittedFrame) => {
    const capturedAt = frame.capturedAt.toISOString();
    if (json) printJson(io, { captured_at: capturedAt, state: known ? 'known' : 'submitted', id });
    else print(io, [capturedAt, id ?? [], known ? 'known' : []].flat().join('  '));
  };
  return {
    untilRoom: async () => {},
    async submit(frame, signal) {
      for (let pause = 500; !signal.aborted; pause = Math.min(pause * 2, 10_000)) {
        try {
          const image = await way.submit(frame.bytes, 'frame.jpg', {
            capturedAt: frame.capturedAt.toISOString(),
            idempotencyKey: keyOf(id, frame.id),
            ...(frame.camera === undefined ? {} : { camera: frame.camera }),
          });
          show(frame, image);
          if (frame.frigate) void label(way, image.id, frame.frigate, labels);
          return image;
        } catch (error) {
          if (!isPassing(error)) {
            if (codeOf(error) === 'idempotency_key_reused') {
              show(frame, knownFrame);
              return knownFrame;
            }
            // A frame that is no photo, or of a camera of Frigate that is none here.
            if (isOfAll(error) && !(frame.camera !== undefined && codeOf(error) === 'camera_unknown'))
              throw error;
            io.stderr.write(`${explain(error).split('\n')[0]}\n`);
            return undefined;
          }
          if (pause === 500)
            io.stderr.write(`${explain(error).split('\n')[0]} Frames wait until it is back.\n`);
        }
        await sleep(pause, undefined, { signal }).catch(() => {});
      }
      return undefined;
    },
  };
};

/** Beside the frames that follow: the next one may be of the same event. */
const label = async (
  way: Way,
  image: string,
  event: { event: string; api: string },
  labels: FrigateLabels,
): Promise<void> => {
  const { found } = await way.untilEnded(image).catch(() => ({ found: [] }));
  await labels.send(event, found);
};
