/** The interface to cameras, people, their photos and lists, and to deleting them. */

export {
  addCamera,
  type CameraFields,
  findCamera,
  readCamera,
  readCameras,
  readPlaces,
  removeCamera,
  setCamera,
} from './cameras.ts';
export {
  countHistory,
  countPhotos,
  deletePhotos,
  type History,
  type PhotoCount,
  type PhotoSelection,
  type Transact,
} from './deleting.ts';
export { addToWatchlist, findWatchlist, removeFromWatchlist } from './entries.ts';
export {
  countErased,
  type Erasing,
  eraseForGood,
  listErasures,
  type Receipt,
  readErasure,
} from './erasure.ts';
export { findPersons, type PersonFilter, readPerson } from './find-people.ts';
export {
  addWatchlist,
  readWatchlist,
  readWatchlists,
  removeWatchlist,
  setWatchlist,
  type ThresholdName,
  thresholdNames,
  type WatchlistFields,
} from './lists.ts';
export {
  type Duplicate,
  findDuplicates,
  type Merge,
  mergePersons,
  readMerged,
  unmergePersons,
} from './merging.ts';
export { addPerson, type PersonFields, removePerson, setPerson, takeBackPerson } from './people.ts';
export { acceptPhoto, addPersonPhoto, correctPhoto, enrolFace, removePhoto } from './photos.ts';
