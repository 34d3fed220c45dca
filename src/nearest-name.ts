import { closest, distance } from 'fastest-levenshtein';

/**
 * The name that was probably meant by a misspelt one: at most every third character differs, ignoring case.
 *
 * @param known the names there are.
 * @returns undefined if none is near.
 */
export const nearestName = (misspelt: string, known: readonly string[]): string | undefined => {
  const word = misspelt.slice(0, 100).toLowerCase();
  if (known.length === 0) return undefined;
  const nearest = closest(word, known);
  return distance(word, nearest) <= Math.max(1, Math.floor(nearest.length / 3)) ? nearest : undefined;
};
