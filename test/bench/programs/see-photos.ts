import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { readConfig } from '../../../src/config.ts';
import { loadVisionThreads } from '../../../src/vision/threads.ts';
import { judge, labelledPhotos, type Seen, samplePhotos } from '../known-photos.ts';
import type { See } from '../peers/tensorflow.ts';
import { report, sayReady, settings } from '../program.ts';

/**
 * Photos from their bytes to descriptors, all of them again and again for some seconds, one at a time for each core: the
 * product's in this process, as many in flight as a worker has jobs; a peer's each in a process of its own, which is how
 * its example for several cores does it.
 */
const { who, folder, seconds } = settings<{
  who: 'ours' | 'face-api' | 'face-api-tiny' | 'human';
  folder: string;
  seconds: number;
}>();

const photos = folder ? await labelledPhotos(folder) : await samplePhotos();

const openOurs = async (): Promise<{
  seers: See[];
  cpu: () => Promise<number>;
  close: () => Promise<void>;
}> => {
  const { maxPixels, concurrency } = readConfig({});
  const vision = await loadVisionThreads({ maxPixels });
  const see: See = async (photo) => {
    const { faces } = await vision.findFaces(photo, 'automatic');
    const embeddings = await vision.embed(faces.map((face) => face.crop));
    return faces.map((face, index) => ({ height: face.box.height, vector: embeddings[index]!.vector }));
  };
  return { seers: Array(concurrency).fill(see), cpu: async () => 0, close: () => vision.close() };
};

const openPeer = async (): ReturnType<typeof openOurs> => {
  const file = fileURLToPath(new URL('./see-as-peer.ts', import.meta.url));
  const children = Array.from({ length: availableParallelism() }, () => {
    // Their output is not read, and the settings of V8 for our code are not theirs.
    const child = fork(file, [who], {
      serialization: 'advanced',
      execArgv: [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    /** One question at a time. */
    const ask = <T>(question: Uint8Array | 'cpu' | 'ready'): Promise<T> =>
      new Promise((resolve, reject) => {
        const gone = () => reject(new Error(`${who} has ended.`));
        child.once('exit', gone);
        child.once('message', (answer) => {
          child.off('exit', gone);
          resolve(answer as T);
        });
        child.send(question);
      });
    return { child, ask };
  });
  await Promise.all(children.map(({ ask }) => ask('ready')));
  return {
    seers: children.map(
      ({ ask }): See =>
        (photo) =>
          ask<Seen[]>(photo),
    ),
    cpu: async () =>
      (await Promise.all(children.map(({ ask }) => ask<number>('cpu')))).reduce((sum, one) => sum + one, 0),
    close: async () => {
      for (const { child } of children) child.disconnect();
    },
  };
};

const { seers, cpu, close } = who === 'ours' ? await openOurs() : await openPeer();

// Two photos each: compiled, and memory grown.
await Promise.all(
  seers.map(async (see) => {
    for (const { bytes } of photos.slice(0, 2)) await see(bytes);
  }),
);
sayReady();

const seen: Seen[][] = [];
let next = 0;
const [cpuBefore, ownBefore] = [await cpu(), process.cpuUsage()];
const begun = Date.now();
await Promise.all(
  seers.map(async (see) => {
    // Whole passes: each photo counts as often as the others.
    while (next < photos.length || next % photos.length !== 0 || Date.now() < begun + seconds * 1000) {
      const index = next++;
      seen[index] = await see(photos[index % photos.length]!.bytes);
    }
  }),
);
const ended = Date.now();
const own = process.cpuUsage(ownBefore);
const used = (await cpu()) - cpuBefore + (own.user + own.system) / 1e6;
await close();
report({
  begun,
  ended,
  done: seen.length,
  more: {
    ...judge(photos, seen.slice(0, photos.length)),
    faces: seen.reduce(
      (sum, faces, index) => sum + Math.min(faces.length, photos[index % photos.length]!.faces),
      0,
    ),
    cpu_ms_a_photo: (used * 1000) / seen.length,
  },
});
