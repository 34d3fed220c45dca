import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Path of one of the six group photos: 3, 3, 3, 4, 5 and 4 faces. */
export const samplePath = (number: 1 | 2 | 3 | 4 | 5 | 6): string =>
  fileURLToPath(import.meta.resolve(`@vladmandic/face-api/demo/sample${number}.jpg`));

/** One of the six group photos. The woman in the middle of 3 is the woman on the right of 1. */
export const sample = (number: 1 | 2 | 3 | 4 | 5 | 6): Buffer => readFileSync(samplePath(number));
