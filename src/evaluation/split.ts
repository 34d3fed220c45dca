import type { GroupPhoto, LabelledFolder } from '../calibration/labelled-folder.ts';

/** Which photos one round enrols, and which it submits as camera frames; files are paths within the folder. */
export interface Split {
  /** People to enrol, with their photos. */
  readonly enrolled: readonly { readonly name: string; readonly photos: readonly string[] }[];
  /** Photos of enrolled people that were held out. */
  readonly probes: readonly { readonly name: string; readonly file: string }[];
  /** Photos of people who are on no list: `_strangers`, and those of whom there is one photo only. */
  readonly strangers: readonly { readonly name: string | null; readonly file: string }[];
  readonly groups: readonly GroupPhoto[];
}

/** How many rounds hold out each photo once: as many as the person with the most photos has. */
export const roundsOf = (folder: LabelledFolder): number =>
  Math.max(...folder.people.map(({ photos }) => (photos.length > 1 ? photos.length : 0)));

/**
 * Enrols everybody from all but one of their photos. The first round holds out the last photo by name, the next one the
 * one before, and so on; who has no further photo to hold out is enrolled from all of them, and not searched for.
 *
 * Somebody with a single photo cannot be enrolled and searched for too. Their photo is submitted as that of a stranger:
 * they are on no list, and an alert on the photo has a wrong name, whatever the name.
 *
 * @param round from 0.
 */
export const allButOne = (folder: LabelledFolder, round = 0): Split => {
  const several = folder.people.filter(({ photos }) => photos.length > 1);
  const heldOut = (photos: readonly string[]) => photos.at(-1 - round);
  return {
    enrolled: several.map(({ name, photos }) => ({
      name,
      photos: photos.filter((photo) => photo !== heldOut(photos)),
    })),
    probes: several.flatMap(({ name, photos }) => {
      const file = heldOut(photos);
      return file === undefined ? [] : [{ name, file }];
    }),
    strangers: [
      ...folder.strangers.map((file) => ({ name: null, file })),
      ...folder.people
        .filter(({ photos }) => photos.length === 1)
        .map(({ name, photos }) => ({ name, file: photos[0] as string })),
    ],
    groups: folder.groups,
  };
};
