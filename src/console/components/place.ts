/** Where something was, as people say it. */
export const placeOf = ({ location, camera }: { location: string | null; camera: string | null }): string =>
  location ?? camera ?? 'an unknown place';
