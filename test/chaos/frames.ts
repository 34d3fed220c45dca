import { mkdir, readdir, rename, writeFile } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type Album, marked, type Photo } from './photos.ts';

/** A frame as a camera gave it: no other has its bytes. */
export interface GivenFrame {
  readonly sha256: string;
  readonly faces: number | null;
  /** Frames of one passage show the same people at the same places. */
  readonly passage: number;
}

/** Frames before the picture changes. */
const passageFrames = 12;

/** A camera: the pictures of an album one after the other, each for a while, and each frame with bytes of its own. */
class Pictures {
  /** Every frame that was given. */
  readonly given: (GivenFrame & { file?: string })[] = [];
  readonly #name: string;
  readonly #photos: readonly Photo[];

  constructor(name: string, photos: readonly Photo[]) {
    this.#name = name;
    this.#photos = photos;
  }

  next(file?: string): Buffer {
    const passage = Math.floor(this.given.length / passageFrames);
    const photo = this.#photos[passage % this.#photos.length] as Photo;
    const { bytes, sha256, faces } = marked(photo, `${this.#name} ${this.given.length}`);
    this.given.push({ sha256, faces, passage, ...(file === undefined ? {} : { file }) });
    return bytes;
  }
}

/** A source of frames for the run. */
export interface FrameSource {
  readonly given: readonly (GivenFrame & { file?: string })[];
  /** Gives no more frames, and takes no connections. */
  end(): Promise<void>;
}

/**
 * A camera of MJPEG on a free port. Nobody tells it what became of a frame, so one counts as acknowledged when its image was seen
 * in the database: its submission was committed then.
 *
 * @param everyMs between two frames, whether or not somebody is connected.
 */
export const serveFrames = async (album: Album, everyMs: number): Promise<FrameSource & { url: string }> => {
  const pictures = new Pictures('stream', album.good);
  const viewers = new Set<ServerResponse>();
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'multipart/x-mixed-replace; boundary=frame' });
    viewers.add(response);
    response.on('close', () => viewers.delete(response));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const timer = setInterval(() => {
    const bytes = pictures.next();
    for (const viewer of viewers) viewer.write(part(bytes));
  }, everyMs);
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/video.mjpg`,
    given: pictures.given,
    async end() {
      clearInterval(timer);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};

const part = (jpeg: Buffer): Buffer =>
  Buffer.concat([
    Buffer.from(`--frame\r\nContent-Type: image/jpeg\r\nContent-Length: ${jpeg.length}\r\n\r\n`),
    jpeg,
    Buffer.from('\r\n'),
  ]);

/**
 * A camera that puts files into a folder. Whoever takes one away has acknowledged it: `taken` has the files that were moved.
 *
 * @param everyMs between two files.
 */
export const fillFolder = async (album: Album, folder: string, everyMs: number) => {
  const pictures = new Pictures('file', album.good);
  const [incoming, submitted, hidden] = ['incoming', 'submitted', 'written'].map((name) =>
    join(folder, name),
  ) as [string, string, string];
  for (const one of [incoming, submitted, hidden]) await mkdir(one, { recursive: true });
  const put = async () => {
    const name = `${pictures.given.length}.jpg`;
    const bytes = pictures.next(name);
    await writeFile(join(hidden, name), bytes);
    await rename(join(hidden, name), join(incoming, name));
  };
  let last = Promise.resolve();
  const timer = setInterval(() => {
    last = last.then(put);
  }, everyMs);
  return {
    incoming,
    submitted,
    given: pictures.given,
    /** Names of the files that were taken away. */
    taken: () => readdir(submitted),
    /** How many are left. */
    left: async () => (await readdir(incoming)).length,
    async end() {
      clearInterval(timer);
      await last;
    },
  };
};

export type FrameFolder = Awaited<ReturnType<typeof fillFolder>>;
