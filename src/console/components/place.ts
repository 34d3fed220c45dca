/** Where something was, as people say it. */
export const placeOf = ({ location, camera }: { location: string | null; camera: string | null }): string =>
  location ?? camera ?? 'an unknown place';

/** How many faces a track has. */
export const facesOf = (count: number): string => (count === 1 ? '1 face' : `${count} faces`);
