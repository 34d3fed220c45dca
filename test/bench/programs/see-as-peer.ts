import { openFaceApi } from '../peers/face-api.ts';
import { openHuman } from '../peers/human.ts';

/** One of a peer's processes: sees the photos that it is sent, until nobody is there to send any. */
const [, , who] = process.argv;

const see = who === 'human' ? await openHuman() : await openFaceApi(who === 'face-api-tiny');

// One after the other: the library has one thread, and its answers are in the order of the questions.
let last: Promise<void> = Promise.resolve();
process.on('message', (question: Uint8Array | 'cpu' | 'ready') => {
  last = last.then(async () => {
    if (question === 'ready') process.send!('ready');
    else if (question === 'cpu') {
      const { user, system } = process.cpuUsage();
      process.send!((user + system) / 1e6);
    } else process.send!(await see(question));
  });
});
process.on('disconnect', () => process.exit());
