import type { Database } from '../database/pool.ts';
import type { Round, Sent } from './round.ts';
import { likest, readSeen, type SeenFace, type SeenImage } from './seen.ts';

/** A held-out face that was not named, and why, as recorded. */
export interface Miss {
  readonly file: string;
  readonly person: string;
  /** In a word or two: no face, the reasons of the gate, below the threshold, … */
  readonly why: string;
  /** To the right person; null: no face, or nobody enrolled. */
  readonly similarity: number | null;
  /** Whom the search found nearest. */
  readonly nearest: string | null;
  readonly nearest_similarity: number | null;
  readonly outcome: string | null;
  readonly gate: readonly string[];
  /** Height of the face in pixels, as the models saw it. */
  readonly size: number | null;
  readonly sharpness: number | null;
  readonly yaw: number | null;
  readonly norm: number | null;
}

/** An alert that should not be. */
export interface WrongAlert {
  readonly file: string;
  /** Who it is by the label; null: a stranger. */
  readonly person: string | null;
  readonly named: string;
  readonly similarity: number | null;
  readonly face: number;
}

/** What one or more rounds have come to, all of it read from rows. */
export interface Figures {
  /** People who were enrolled, or should have been. */
  readonly people: number;
  /** Held-out photos. */
  readonly probes: number;
  /** Of these, those with a face that passes the quality gate. */
  readonly findable: number;
  /** Of these, those that raised an alert with the right name. */
  readonly hits: number;
  /** hits of findable; null: there was none. */
  readonly hit_rate: number | null;
  /** Alerts with a name that is not the labelled person's, or one name on a second face of a photo. */
  readonly wrong_names: number;
  /** Photos of people on no list, and alerts on them. */
  readonly strangers: number;
  readonly stranger_alerts: number;
  /** Held-out photos without a face, and labelled faces of group photos that were not found. */
  readonly faces_missed: number;
  /** Group photos; faces and enrolled people in them by label; people of these who were named. */
  readonly groups: number;
  readonly group_faces: number;
  readonly group_people: number;
  readonly group_hits: number;
  /** Alerts on group photos whose people are not known: nobody can say whether they are right. */
  readonly group_alerts_unjudged: number;
  /** Photos handed in to enrol, and those that did. */
  readonly enrolment_photos: number;
  readonly enrolled_photos: number;
  readonly refusals: readonly { file: string; person: string; code: string | null; message: string | null }[];
  readonly misses: readonly Miss[];
  readonly wrong: readonly WrongAlert[];
}

/** Counts a round from the rows of its database. */
export const readFigures = async (database: Database, round: Round): Promise<Figures> => {
  const sent = [...round.enrolment, ...round.probes, ...round.strangers, ...round.groups];
  const seen = await readSeen(
    database,
    sent.map(({ imageId }) => imageId),
  );
  const of = ({ imageId }: Sent): SeenImage => seen.get(imageId) as SeenImage;
  const enrolled = new Set(round.split.enrolled.map(({ name }) => name));

  const misses: Miss[] = [];
  for (const probe of round.probes) {
    const name = probe.name as string;
    if (!of(probe).faces.some((face) => face.alerted.includes(name)))
      misses.push(await missOf(database, probe, name, of(probe)));
  }

  const groups = round.groups.map((photo, index) => {
    const label = round.split.groups[index] as Round['split']['groups'][number];
    const people = label.people?.filter((name) => enrolled.has(name)) ?? [];
    return { photo, label, people, faces: of(photo).faces };
  });
  for (const { photo, people, faces } of groups) {
    for (const name of people) {
      if (!faces.some((face) => face.alerted.includes(name)))
        misses.push(await missOf(database, photo, name, of(photo)));
    }
  }

  const refused = round.enrolment.filter((photo) => of(photo).state === 'failed');
  const wrong = [
    ...round.probes.flatMap((photo) => wrongOf(photo, of(photo).faces, [photo.name as string])),
    ...round.strangers.flatMap((photo) => wrongOf(photo, of(photo).faces, [])),
    ...groups.flatMap(({ photo, label, faces }) => (label.people ? wrongOf(photo, faces, label.people) : [])),
  ];
  const strangerFiles = new Set(round.strangers.flatMap(({ name, file }) => (name === null ? [file] : [])));
  const findable = round.probes.filter((photo) =>
    of(photo).faces.some((face) => face.gate?.length === 0),
  ).length;
  const hits = round.probes.filter((photo) =>
    of(photo).faces.some((face) => face.alerted.includes(photo.name as string)),
  ).length;
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

  return {
    people: round.split.enrolled.length,
    probes: round.probes.length,
    findable,
    hits,
    hit_rate: rate(hits, findable),
    wrong_names: wrong.filter(({ file }) => !strangerFiles.has(file)).length,
    strangers: round.strangers.length,
    stranger_alerts: wrong.filter(({ file }) => strangerFiles.has(file)).length,
    faces_missed:
      round.probes.filter((photo) => of(photo).faces.length === 0).length +
      sum(groups.map(({ label, faces }) => Math.max(0, (label.faces ?? 0) - faces.length))),
    groups: groups.length,
    group_faces: sum(groups.map(({ label }) => label.faces ?? 0)),
    group_people: sum(groups.map(({ people }) => people.length)),
    group_hits: sum(
      groups.map(
        ({ people, faces }) =>
          people.filter((name) => faces.some((face) => face.alerted.includes(name))).length,
      ),
    ),
    group_alerts_unjudged: sum(
      groups.map(({ label, faces }) => (label.people ? 0 : sum(faces.map((face) => face.alerted.length)))),
    ),
    enrolment_photos: round.enrolment.length,
    enrolled_photos: round.enrolment.length - refused.length,
    refusals: refused.map((photo) => ({
      file: photo.file,
      person: photo.name as string,
      code: of(photo).code,
      message: of(photo).message,
    })),
    misses,
    wrong,
  };
};

/** Of several rounds: everything is added up but the people, who are the same in each. */
export const addFigures = (a: Figures, b: Figures): Figures => {
  const sums = Object.fromEntries(
    Object.entries(a).map(([key, value]) => {
      const other = b[key as keyof Figures];
      return [
        key,
        Array.isArray(value) ? [...value, ...(other as [])] : (value ?? 0) + ((other as number) ?? 0),
      ];
    }),
  ) as unknown as Figures;
  return { ...sums, people: Math.max(a.people, b.people), hit_rate: rate(sums.hits, sums.findable) };
};

const rate = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole);

/** Alerts with another name than these, and a right name beyond its first face: nobody is in a photo twice. */
const wrongOf = (photo: Sent, faces: readonly SeenFace[], right: readonly string[]): WrongAlert[] => {
  const named = new Set<string>();
  return faces.flatMap((face) =>
    face.alerted.flatMap((name) => {
      const first = !named.has(name);
      named.add(name);
      if (right.includes(name) && first) return [];
      return [
        {
          file: photo.file,
          person: photo.name,
          named: name,
          similarity: face.similarity,
          face: face.ordinal,
        },
      ];
    }),
  );
};

/** The face that is most like the person, else the largest, with what is recorded of it. */
const missOf = async (database: Database, photo: Sent, person: string, image: SeenImage): Promise<Miss> => {
  const like = await likest(database, photo.imageId, person);
  const face =
    image.faces.find((one) => one.face_id === like?.face_id) ??
    image.faces.toSorted((a, b) => b.height_px - a.height_px)[0];
  return {
    file: photo.file,
    person,
    why: whyMissed(image, face, person, like !== null),
    similarity: like?.similarity ?? null,
    nearest: face?.nearest ?? null,
    nearest_similarity: face?.similarity ?? null,
    outcome: face?.outcome ?? null,
    gate: face?.gate ?? [],
    size: face?.height_px ?? null,
    sharpness: face?.sharpness ?? null,
    yaw: face?.yaw ?? null,
    norm: face?.norm ?? null,
  };
};

const whyMissed = (image: SeenImage, face: SeenFace | undefined, person: string, known: boolean): string => {
  if (image.state === 'failed') return image.code ?? 'failed';
  if (!face) return 'no face found';
  if (face.gate && face.gate.length > 0) return `poor view: ${face.gate.join(', ')}`;
  if (!known) return 'no photo of them was enrolled';
  if (face.nearest !== person) return 'more like somebody else';
  return face.outcome === 'below_threshold' ? 'below the threshold' : (face.outcome ?? 'not searched');
};
