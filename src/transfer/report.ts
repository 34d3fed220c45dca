import type { Refusal, Source } from './people.ts';

/** What an import has done. */
export interface Report {
  /** People who are new, who were there before, and who were not added. */
  readonly people: { added: number; known: number; refused: number };
  /** Photos that this run has enrolled, that were enrolled before, and that were refused. */
  readonly photos: { enrolled: number; known: number; refused: number };
  /** Of an export; those that were there before are not counted. */
  readonly cameras: { added: number };
  readonly watchlists: { added: number };
  /** People who cannot be recognised, because no photo of them can be used. */
  readonly without_photo: WithoutPhoto[];
  readonly refused: Refusal[];
  readonly ignored: readonly string[];
}

interface WithoutPhoto {
  readonly person: string;
  /** Their place in the source. */
  readonly at: string;
  /** Null: they were not added. */
  readonly id: string | null;
}

/** A report of a source that was only read so far. */
export const reportOf = (source: Source): Report => ({
  people: { added: 0, known: 0, refused: source.refused.length },
  photos: { enrolled: 0, known: 0, refused: 0 },
  cameras: { added: 0 },
  watchlists: { added: 0 },
  without_photo: [],
  refused: [...source.refused],
  ignored: source.ignored,
});
