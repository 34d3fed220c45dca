/** The interface to cameras, people, their photos and lists, to deleting them, and to how long they are kept. */

export { type Access, type AccessFilter, type AccessRow, findAccesses, recordAccess } from './access.ts';
export { type AccessReport, readAccessReport, readCrops } from './access-report.ts';
export {
  addCamera,
  type CameraFields,
  cameraNames,
  findCamera,
  type NewCamera,
  type PlanPoint,
  type Region,
  readCamera,
  readCameras,
  readPlaces,
  removeCamera,
  setCamera,
  type Watch,
} from './cameras.ts';
export {
  addCannotLink,
  type CannotLink,
  type Other,
  readCannotLinks,
  removeCannotLink,
} from './cannot-links.ts';
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
  erasedThings,
  eraseForGood,
  listErasures,
  type Receipt,
  readErasure,
} from './erasure.ts';
export { findPersons, type PersonFilter, readPerson } from './find-people.ts';
export { type ImageFilter, imageStates, listImages, lookAtPhoto, readMarks } from './images.ts';
export {
  addWatchlist,
  readWatchlist,
  readWatchlists,
  removeWatchlist,
  setWatchlist,
  sounds,
  type ThresholdName,
  thresholdNames,
  type WatchlistFields,
} from './lists.ts';
export {
  type Duplicate,
  findDuplicates,
  listMerges,
  type Merge,
  type MergeRecord,
  mergePersons,
  readMerged,
  unmergePersons,
} from './merging.ts';
export { type Paging, readPaging, removePaging, setPaging } from './paging.ts';
export { addPerson, type PersonFields, removePerson, setPerson, takeBackPerson } from './people.ts';
export { acceptPhoto, addPersonPhoto, correctPhoto, enrolFace, removePhoto } from './photos.ts';
export {
  addPlan,
  findPlan,
  type NewPlan,
  readPlan,
  readPlanPicture,
  readPlans,
  removePlan,
  setPlan,
} from './plans.ts';
export {
  dropCameraRule,
  type Purge,
  type Purged,
  purge,
  type Retained,
  type RetentionAction,
  type Rule,
  readProcessingDefault,
  readRules,
  retained,
  retentionActions,
  setProcessingDefault,
  setRule,
} from './retention.ts';
export {
  type FaceFilter,
  listFaceIds,
  listSearches,
  listSightings,
  searchOutcomes,
} from './seen.ts';
export {
  addMember,
  addSite,
  findSite,
  readSite,
  readSites,
  removeMember,
  removeSite,
  renameSite,
} from './sites.ts';
export { listTracks, readTrackViews, type Track, type TrackFilter, type TrackView } from './tracks.ts';
export { type Period, type PersonSighting, readPath, readPersonSightings, type Stay } from './whereabouts.ts';
