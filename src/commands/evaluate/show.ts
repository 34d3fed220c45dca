import type { CrowdFigures } from '../../evaluation/crowds.ts';
import type { Evaluation } from '../../evaluation/evaluate.ts';
import type { VideoEvaluation } from '../../evaluation/video/evaluate-video.ts';
import { table } from '../program/table.ts';

/** The results of an evaluation for the terminal. */
export const showEvaluation = (found: Evaluation): string => {
  const rows = [
    ['people enrolled', found.people, `from ${found.enrolled_photos} of ${found.enrolment_photos} photos`],
    ['held-out photos', found.probes, `${found.findable} with a face that passes the quality gate`],
    ['named right', found.hits, `${inPercent(found.hit_rate)} of those`],
    ['wrong names', found.wrong_names, ''],
    ['photos of strangers', found.strangers, ''],
    ['strangers taken for somebody', found.stranger_alerts, ''],
    [
      'group photos',
      found.groups,
      `${found.group_hits} of ${found.group_people} enrolled people in them named`,
    ],
    ['faces missed', found.faces_missed, 'held-out photos without a face, faces of groups not found'],
  ].map(([what, count, remark]) => ({ what, count, remark }));
  return [
    table(rows),
    `\nThreshold ${short(found.threshold)}, model ${found.model}, ${found.rounds} round${found.rounds === 1 ? '' : 's'}, ${found.seconds} s.`,
    ...section(
      'Missed',
      found.misses.map(({ gate, outcome, ...miss }) => rounded({ ...miss, outcome: outcome ?? '' })),
    ),
    ...section(
      'Wrong',
      found.wrong.map((one) => rounded({ ...one })),
    ),
    ...section(
      'Refused to enrol',
      found.refusals.map(({ message, ...refusal }) => refusal),
    ),
    ...(found.group_alerts_unjudged > 0
      ? [
          `\n${found.group_alerts_unjudged} alerts on group photos whose people are not known: check them yourself.`,
        ]
      : []),
    ...(found.kept.length > 0 ? [`\nKept:\n  ${found.kept.join('\n  ')}`] : []),
  ].join('\n');
};

/** The results for crowds for the terminal. */
export const showCrowds = (figures: readonly CrowdFigures[]): string =>
  table(
    figures.map(({ recall, cpu_ms, ...rest }) => ({
      ...rest,
      recall: inPercent(recall),
      cpu_ms: cpu_ms.toFixed(1),
    })),
  );

/** The results for video for the terminal. */
export const showVideo = ({ rows, threshold, model, seconds, kept }: VideoEvaluation): string =>
  [
    table(
      rows.map(({ wrong, film, enrolled, films, ...figures }) => ({
        film: films > 1 ? `${film}, ${films} times` : film,
        enrolled,
        frames: figures.frames,
        faces: `${figures.faces} (${figures.usable} good)`,
        tracks: figures.tracks,
        searches: figures.searches,
        passages: `${figures.found} of ${figures.passages} found, ${figures.whole} in one track`,
        'of two': figures.of_two,
        'of nobody': figures.of_nobody,
        'named right': `${figures.named} of ${figures.namable}`,
        'wrong names': figures.wrong_names,
      })),
    ),
    `\nThreshold ${short(threshold)}, model ${model}, ${seconds} s.`,
    ...section(
      'Wrong',
      rows.flatMap(({ wrong }) => wrong.map((one) => ({ ...one, person: one.person ?? 'nobody' }))),
    ),
    ...(kept.length > 0 ? [`\nKept:\n  ${kept.join('\n  ')}`] : []),
  ].join('\n');

const inPercent = (share: number | null): string =>
  share === null ? 'none' : `${(share * 100).toFixed(1)}%`;
const short = (value: number): number => Math.round(value * 1000) / 1000;

const section = (title: string, rows: readonly Record<string, unknown>[]): string[] =>
  rows.length === 0 ? [] : [`\n${title}:\n${table(rows)}`];

const rounded = (row: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(row).map(([key, value]) => [
      key,
      typeof value === 'number' ? (Math.abs(value) < 10 ? short(value) : Math.round(value)) : value,
    ]),
  );
