/**
 * Photos that are looked at and not stored: searched for people, compared with one another, or only looked through for
 * faces. The API and the commands use this file only; vectors do not leave this folder, except by `seePhoto`.
 */
export { comparePhotos, type PhotoComparison } from './compare.ts';
export { detectInPhoto } from './detect.ts';
export { type NamedCandidate, type SearchedFace, searchPeople } from './people.ts';
export {
  type Asked,
  leastSimilarity,
  type PhotoSearch,
  personsIn,
  searchByPhoto,
  type WantedSearch,
} from './search.ts';
export { areaOf, cosine, type SeenFace, type SeenPhoto, seePhoto } from './see.ts';
export { compareWithPhoto } from './stored.ts';
export { Turns } from './turns.ts';
