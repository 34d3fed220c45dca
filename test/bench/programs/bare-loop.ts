import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readConfig } from '../../../src/config.ts';
import { loadVisionThreads } from '../../../src/vision/threads.ts';
import { report, sayReady, settings } from '../program.ts';

/**
 * The vision code in a loop, on photos that are in memory already: as many at a time as a worker has jobs, each photo
 * from its bytes to the vectors of its faces, which are then forgotten.
 */
const { folder, warmUp, count, concurrency } = settings<{
  folder: string;
  warmUp: number;
  count: number;
  concurrency: number;
}>();

const files = (await readdir(folder)).sort();
const photos = await Promise.all(files.map((file) => readFile(join(folder, file))));
const { maxPixels } = readConfig({});
const vision = await loadVisionThreads({ maxPixels });

const see = async (most: number): Promise<number> => {
  let [next, faces] = [0, 0];
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      while (next < most) {
        const found = await vision.findFaces(photos[next++ % photos.length]!, 'automatic');
        const vectors = await vision.embed(found.faces.map((face) => face.crop));
        faces += vectors.length;
      }
    }),
  );
  return faces;
};

await see(warmUp);
sayReady();
const before = process.cpuUsage();
const begun = Date.now();
const faces = await see(count);
const ended = Date.now();
const { user, system } = process.cpuUsage(before);
await vision.close();
report({ begun, ended, done: count, more: { faces, cpu: (user + system) / 1e6 } });
