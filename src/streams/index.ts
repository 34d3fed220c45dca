/**
 * The frames of cameras become photos. On the way of a frame: start-watching.ts decides which process watches which camera,
 * watch-camera.ts opens its source, again when it breaks, latest-frames.ts drops what nobody takes in time, and
 * submit-frames.ts submits the rest. frigate-labels.ts tells Frigate who was found.
 */

export { FrigateLabels } from './frigate-labels.ts';
export { startWatching, type Watching } from './start-watching.ts';
export { intoDatabase, keyOf, knownFrame, type SubmittedFrame, type Target } from './submit-frames.ts';
export { newReport, type Report, type Watched, watchCamera } from './watch-camera.ts';
