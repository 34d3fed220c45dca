import type { Database } from '../../database/pool.ts';
import { iou } from '../../vision/index.ts';
import { boxAt, type Passage } from './marks.ts';

/** A video as it was seen by a camera of the evaluation. */
export interface Film {
  readonly kind: string;
  readonly camera: string;
  readonly begins: Date;
  readonly frames: number;
  readonly passages: readonly Passage[];
  /** Who is enrolled and in it. */
  readonly known: readonly string[];
}

/** What was counted in one or more films, all of it read from rows. */
export interface VideoFigures {
  readonly frames: number;
  readonly faces: number;
  /** Those that are good enough to be compared. */
  readonly usable: number;
  readonly tracks: number;
  /** Searches, which without tracks would be as many as faces. */
  readonly searches: number;
  readonly passages: number;
  /** Of these, those with a track, and those with exactly one. */
  readonly found: number;
  readonly whole: number;
  /** Tracks with faces of two people: none may have. */
  readonly of_two: number;
  /** Tracks without a face of anybody: false detections, and faces that nobody has marked. */
  readonly of_nobody: number;
  /** Passages of people who are enrolled that have a usable face; of these, those that were named right. */
  readonly namable: number;
  readonly named: number;
  /** Tracks with a name that is not that of their passage. */
  readonly wrong_names: number;
  readonly wrong: readonly {
    readonly film: string;
    readonly person: string | null;
    readonly named: string;
  }[];
}

interface SeenFace {
  readonly track_id: string | null;
  readonly box: { x: number; y: number; width: number; height: number };
  readonly seconds: number;
  readonly usable: boolean;
}

/** From this overlap with a mark a face is that of its passage: marks are rough, and detectors differ in how much they box. */
const markedOverlap = 0.2;
/** Seconds by which a mark may begin late or end early. */
const markedSeconds = 0.12;

/** Counts what a film has led to. */
export const countFilm = async ({ pool }: Database, film: Film): Promise<VideoFigures> => {
  const { rows: faces } = await pool.query<SeenFace>(
    `select
       f.track_id,
       json_build_object('x', f.box_x, 'y', f.box_y, 'width', f.box_width, 'height', f.box_height) as box,
       extract(epoch from i.captured_at - $2::timestamptz)::float8 as seconds,
       coalesce(f.quality > 0, false) as usable
     from watchpost.camera as c
     join watchpost.image as i on i.camera_id = c.id
     join watchpost.face as f on f.image_id = i.id and f.superseded_at is null
     where c.name = $1`,
    [film.camera, film.begins],
  );
  const { rows: tracks } = await pool.query<{ id: string; named: string | null; searches: number }>(
    `select
       t.id,
       (
         select p.name from watchpost.match as m join watchpost.person as p on p.id = m.person_id
         where m.face_id = t.face_id and m.superseded_at is null limit 1
       ) as named,
       (
         select count(*)::integer from watchpost.search as s join watchpost.face as f on f.id = s.face_id
         where f.track_id = t.id
       ) as searches
     from watchpost.camera as c
     join watchpost.track as t on t.camera_id = c.id
     where c.name = $1`,
    [film.camera],
  );
  const passageOf = (face: SeenFace): number => {
    const overlaps = film.passages.map((passage) =>
      face.seconds >= passage.from - markedSeconds && face.seconds <= passage.to + markedSeconds
        ? iou(face.box, boxAt(passage, face.seconds))
        : 0,
    );
    const most = Math.max(0, ...overlaps);
    return most >= markedOverlap ? overlaps.indexOf(most) : -1;
  };
  const byTrack = tracks.map(({ id, named }) => {
    const own = faces.filter(({ track_id }) => track_id === id);
    const passages = [...new Set(own.map(passageOf))].filter((index) => index >= 0);
    return { named, passages, isUsable: own.some(({ usable }) => usable) };
  });
  const withTrack = film.passages.map((_, index) =>
    byTrack.filter(({ passages }) => passages.includes(index)),
  );
  const nameOf = (index: number | undefined) =>
    (index === undefined ? null : film.passages[index]?.name) ?? null;
  const wrong = byTrack.flatMap(({ named, passages }) =>
    named !== null && passages.every((index) => nameOf(index) !== named)
      ? [{ film: film.kind, person: nameOf(passages[0]), named }]
      : [],
  );
  const namable = film.passages.flatMap(({ name }, index) =>
    name !== null && film.known.includes(name) && withTrack[index]?.some(({ isUsable }) => isUsable)
      ? [index]
      : [],
  );
  return {
    frames: film.frames,
    faces: faces.length,
    usable: faces.filter(({ usable }) => usable).length,
    tracks: tracks.length,
    searches: tracks.reduce((sum, { searches }) => sum + searches, 0),
    passages: film.passages.length,
    found: withTrack.filter((own) => own.length > 0).length,
    whole: withTrack.filter((own) => own.length === 1).length,
    of_two: byTrack.filter(({ passages }) => passages.length > 1).length,
    of_nobody: byTrack.filter(({ passages }) => passages.length === 0).length,
    namable: namable.length,
    named: namable.filter((index) => withTrack[index]?.some(({ named }) => named === nameOf(index))).length,
    wrong_names: wrong.length,
    wrong,
  };
};

/** Of several films. */
export const addVideoFigures = (a: VideoFigures, b: VideoFigures): VideoFigures => ({
  ...(Object.fromEntries(
    Object.entries(a).map(([key, value]) => [key, Number(value) + Number(b[key as keyof VideoFigures])]),
  ) as unknown as VideoFigures),
  wrong: [...a.wrong, ...b.wrong],
});
