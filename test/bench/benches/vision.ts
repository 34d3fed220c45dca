import type { Bench, Comparison, Figures } from '../bench.ts';
import { start } from '../program.ts';

/** Seconds of one run, to the end of the pass that is under way then. */
const seconds = 6;

/** The two, and the faster of face-api's detectors: beside the others, for what it misses. */
const peers = ['face-api', 'human', 'face-api-tiny'] as const;

/** Photos and faces a second from JPEG bytes to descriptors, on all cores. */
export const visionBench: Bench = {
  name: 'vision',
  measures: 'photos/s and faces/s from JPEG bytes to descriptors, all cores',
  against: '@vladmandic/face-api and @vladmandic/human on TensorFlow.js with WebAssembly, a process a core',
  async prepare(_server, { photos }) {
    const take = async (who: string, folder: string): Promise<Figures> => {
      const report = await start('see-photos', { who, folder, seconds }).report;
      const { faces, ...more } = report.more as { faces: number };
      const lasted = (report.ended - report.begun) / 1000;
      return { photos: report.done / lasted, faces: faces / lasted, ...more };
    };
    const against = (peer: (typeof peers)[number], folder: string): Comparison => {
      const of = `${folder ? 'labelled' : 'samples'}, ${peer}`;
      const times = { by: 'ratio', target: peer === 'face-api-tiny' ? null : { atLeast: 3 } } as const;
      const share = { unit: 'of 1', by: 'ratio', target: { atLeast: 1 } } as const;
      return {
        ours: () => take('ours', folder),
        theirs: () => take(peer, folder),
        judged: [
          { what: `${of}: photos`, unit: 'photos/s', figure: 'photos', ...times },
          { what: `${of}: faces`, unit: 'faces/s', figure: 'faces', ...times },
          { what: `${of}: found`, figure: 'found', ...share },
          ...(folder ? [{ what: `${of}: recognised`, figure: 'recognised', ...share }] : []),
        ],
        // One pass over a labelled folder takes a peer minutes.
        ...(folder ? { rounds: 1 } : {}),
      };
    };
    const folders = photos ? ['', photos] : [''];
    return {
      comparisons: folders.flatMap((folder) => peers.map((peer) => against(peer, folder))),
      end: async () => {},
    };
  },
};
