/** What POST /v1/search answers; see src/http/schemas/search.ts. */
export interface PhotoSearch {
  readonly width: number;
  readonly height: number;
  readonly faces: readonly FoundFace[];
}

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** A face of the photo, and who is like it. */
export interface FoundFace {
  readonly ordinal: number;
  readonly box: Box;
  readonly outcome: string;
  readonly quality: { readonly gate: readonly string[] };
  readonly matches: readonly {
    readonly person_id: string;
    readonly person: string;
    readonly watchlist: string;
  }[];
  readonly people: readonly {
    readonly person_id: string;
    readonly person: string;
    readonly similarity: number;
    readonly reference_face_id: string | null;
    readonly ruled_out: boolean;
    readonly watchlists: readonly {
      readonly name: string;
      readonly threshold: number;
      readonly reached: boolean;
    }[];
  }[];
  readonly past?: readonly {
    readonly face_id: string;
    readonly image_id: string;
    readonly similarity: number;
    readonly seen_at: string;
    readonly camera: string | null;
    readonly location: string | null;
    readonly person_id: string | null;
    readonly person: string | null;
  }[];
  readonly strangers?: readonly {
    readonly stranger_id: string;
    readonly similarity: number;
    readonly faces: number;
    readonly last_seen: string;
    readonly nearest_face_id: string;
  }[];
}

/** What the pipeline would decide, in words. */
export const outcomes: Readonly<Record<string, string>> = {
  match: 'A match: a camera that saw this face would raise an alert.',
  gated: 'No match: the face is too small, turned away or blurred to be compared.',
  below_threshold: 'No match: nobody is similar enough for their lists.',
  nobody: 'No match: nobody on a list that is in force is like it.',
  outranked: 'No match: another face of this photo is more like that person.',
  cannot_link: 'No match: somebody has said that this is not them.',
};

/** The number of the first face that is a match, or of the first one. */
export const knownOf = (faces: readonly FoundFace[]): number =>
  (faces.find(({ outcome }) => outcome === 'match') ?? faces[0])?.ordinal ?? 1;

/** The number of the face whose middle is nearest to that of a box. */
export const nearestOf = (faces: readonly FoundFace[], box: Box): number => {
  const middle = ({ x, y, width, height }: Box) => [x + width / 2, y + height / 2] as const;
  const [x, y] = middle(box);
  const away = (face: FoundFace) => {
    const [left, top] = middle(face.box);
    return Math.hypot(left - x, top - y);
  };
  return faces.toSorted((a, b) => away(a) - away(b))[0]?.ordinal ?? 1;
};
