/** The interface to cameras, people, their photos and lists. */

export { addCamera } from './cameras.ts';
export { addToWatchlist, findWatchlist, removeFromWatchlist } from './entries.ts';
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
  addPerson,
  findPersons,
  type PersonFields,
  type PersonFilter,
  readPerson,
  removePerson,
  setPerson,
} from './people.ts';
export { acceptPhoto, addPersonPhoto, correctPhoto, enrolFace, removePhoto } from './photos.ts';
