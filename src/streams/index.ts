/** The frames of cameras become photos: which process watches which camera, and what becomes of each frame. */
export { FrigateLabels } from './frigate-labels.ts';
export { startWatching, type Watching } from './start-watching.ts';
export { intoDatabase, keyOf, type Target } from './submit-frames.ts';
export { newReport, type Report, type Watched, watchCamera } from './watch-camera.ts';
