import type { GroupPhoto } from '../calibration/labelled-folder.ts';
import type { Database } from '../database/pool.ts';
import { type Miss, missOf } from './misses.ts';
import type { Round, Sent } from './round.ts';
import { readSeen, type SeenFace, type SeenImage } from './seen.ts';

/** An alert with a wrong name. */
interface WrongAlert {
  readonly file: string;
  /** Who it is by the label; null: a stranger. */
  readonly person: string | null;
  readonly named: string;
  readonly similarity: number | null;
  readonly face: number;
}

/** The results of one or more rounds, all read from rows. */
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
  /** Alerts on group photos whose people are not known, so that it is unknown whether they are right. */
  readonly group_alerts_unjudged: number;
  /** Photos submitted to enrol people, and how many of them were accepted. */
  readonly enrolment_photos: number;
  readonly enrolled_photos: number;
  readonly refusals: readonly { file: string; person: string; code: string | null; message: string | null }[];
  readonly misses: readonly Miss[];
  readonly wrong: readonly WrongAlert[];
}

/** A group photo with its label. */
interface LabelledGroup {
  readonly photo: Sent;
  readonly label: GroupPhoto;
  /** Enrolled people in it, by the label. */
  readonly people: readonly string[];
}

/** Counts the results of a round in the rows of its database. */
export const readFigures = async (database: Database, round: Round): Promise<Figures> => {
  const { split, enrolment, probes, strangers } = round;
  const sent = [...enrolment, ...probes, ...strangers, ...round.groups];
  const seen = await readSeen(
    database,
    sent.map(({ imageId }) => imageId),
  );
  const of = ({ imageId }: Sent): SeenImage => seen.get(imageId) as SeenImage;
  const groups = labelledGroups(round);
  const wrong = wrongAlerts(round, groups, of);
  // A photo of somebody of whom there is only one counts as a stranger's, but an alert on it has a wrong name.
  const strangerFiles = new Set(strangers.flatMap(({ name, file }) => (name === null ? [file] : [])));
  const findable = count(probes, (photo) => of(photo).faces.some((face) => face.gate?.length === 0));
  const hits = count(probes, (photo) => isAlerted(of(photo), photo.name as string));
  const refused = enrolment.filter((photo) => of(photo).state === 'failed');

  return {
    people: split.enrolled.length,
    probes: probes.length,
    findable,
    hits,
    hit_rate: rate(hits, findable),
    wrong_names: count(wrong, ({ file }) => !strangerFiles.has(file)),
    strangers: strangers.length,
    stranger_alerts: count(wrong, ({ file }) => strangerFiles.has(file)),
    faces_missed:
      count(probes, (photo) => of(photo).faces.length === 0) +
      sum(groups.map(({ photo, label }) => Math.max(0, (label.faces ?? 0) - of(photo).faces.length))),
    ...groupFigures(groups, of),
    enrolment_photos: enrolment.length,
    enrolled_photos: enrolment.length - refused.length,
    refusals: refused.map((photo) => ({
      file: photo.file,
      person: photo.name as string,
      code: of(photo).code,
      message: of(photo).message,
    })),
    misses: await findMisses(database, round, groups, of),
    wrong,
  };
};

const labelledGroups = ({ groups, split }: Round): LabelledGroup[] => {
  const enrolled = new Set(split.enrolled.map(({ name }) => name));
  return groups.map((photo, index) => {
    const label = split.groups[index] as GroupPhoto;
    return { photo, label, people: label.people?.filter((name) => enrolled.has(name)) ?? [] };
  });
};

const groupFigures = (groups: readonly LabelledGroup[], of: (photo: Sent) => SeenImage) => ({
  groups: groups.length,
  group_faces: sum(groups.map(({ label }) => label.faces ?? 0)),
  group_people: sum(groups.map(({ people }) => people.length)),
  group_hits: sum(groups.map(({ photo, people }) => count(people, (name) => isAlerted(of(photo), name)))),
  group_alerts_unjudged: sum(
    groups.map(({ photo, label }) =>
      label.people ? 0 : sum(of(photo).faces.map((face) => face.alerted.length)),
    ),
  ),
});

/** Enrolled people who were not found in a photo that has them by its label. */
const findMisses = async (
  database: Database,
  { probes }: Round,
  groups: readonly LabelledGroup[],
  of: (photo: Sent) => SeenImage,
): Promise<Miss[]> => {
  const expected = [
    ...probes.map((photo) => ({ photo, name: photo.name as string })),
    ...groups.flatMap(({ photo, people }) => people.map((name) => ({ photo, name }))),
  ];
  const misses: Miss[] = [];
  for (const { photo, name } of expected) {
    if (!isAlerted(of(photo), name)) misses.push(await missOf(database, photo, name, of(photo)));
  }
  return misses;
};

const wrongAlerts = (
  { probes, strangers }: Round,
  groups: readonly LabelledGroup[],
  of: (photo: Sent) => SeenImage,
): WrongAlert[] => [
  ...probes.flatMap((photo) => wrongOf(photo, of(photo).faces, [photo.name as string])),
  ...strangers.flatMap((photo) => wrongOf(photo, of(photo).faces, [])),
  ...groups.flatMap(({ photo, label }) =>
    label.people ? wrongOf(photo, of(photo).faces, label.people) : [],
  ),
];

const isAlerted = (image: SeenImage, name: string): boolean =>
  image.faces.some((face) => face.alerted.includes(name));

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

const count = <T>(values: readonly T[], test: (value: T) => boolean): number => values.filter(test).length;
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

const rate = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole);

/** Alerts with other names than these, and a right name on a second face: nobody is in a photo twice. */
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
