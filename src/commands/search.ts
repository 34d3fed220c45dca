import { InvalidArgumentError, Option } from 'commander';
import {
  type Asked,
  comparePhotos,
  detectInPhoto,
  leastSimilarity,
  type PhotoComparison,
  type PhotoSearch,
  searchByPhoto,
} from '../search/index.ts';
import { type FaceRange, faceRanges } from '../vision/types.ts';
import { connect } from './program/connect.ts';
import { print, printJson } from './program/io.ts';
import { openVision } from './program/open-vision.ts';
import { momentOption, positionOption, severalSearched, similarity, words } from './program/options.ts';
import type { AddCommand, Context } from './program/session.ts';
import { table, widthOf } from './program/table.ts';
import { readGivenPhoto } from './submit.ts';

interface CommonOptions {
  readonly faces?: FaceRange;
  readonly reason?: string;
  readonly json?: boolean;
}

const facesOption = new Option('--faces <range>', 'how small the faces may be (default: automatic)').choices(
  faceRanges,
);
const reasonOption = ['--reason <words>', 'why; kept on record with your name', words] as const;

interface SearchOptions extends CommonOptions {
  readonly watchlist?: string[];
  readonly past?: boolean;
  readonly since?: string;
  readonly strangers?: boolean;
  readonly similarity?: number;
  readonly most?: number;
}

const reach = (text: string): number => {
  const least = similarity(text);
  if (least < leastSimilarity) throw new InvalidArgumentError(`Give a number from ${leastSimilarity} to 1.`);
  return least;
};

const most = (text: string): number => {
  const count = positionOption(text);
  if (count > 50) throw new InvalidArgumentError('Give 50 at most.');
  return count;
};

/** search: who is in a photo. */
export const searchCommand: AddCommand = (program, session) =>
  program
    .command('search')
    .description('Search for everybody in a photo, and store nothing but that you did')
    .argument('<photo>', 'a file; it is not submitted')
    .option('--watchlist <name>', 'search only this list; may be repeated', severalSearched)
    .option('--past', 'also among the faces of stored photos')
    .option('--since <time>', 'with --past: only photos taken at this time or later', momentOption)
    .option('--strangers', 'also among strangers')
    .option(
      '--similarity <number>',
      'with --past and --strangers: the least similarity (default: the threshold of the model)',
      reach,
    )
    .option('--most <number>', 'results of each kind for each face (default: 5)', most)
    .addOption(facesOption)
    .option(...reasonOption)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
  A face is a person if its similarity reaches the threshold of a list that they are on, and its view is good enough.
  People below that are shown as the most similar ones, which is not to say that it is them.

  Examples:
    $ watchpost search visitor.jpg --reason "complaint 4711"
    $ watchpost search visitor.jpg --past --since 2026-11-01T00:00:00Z`,
    )
    .action(session.action(searchPhoto));

const searchPhoto = async (context: Context, file: string, options: SearchOptions): Promise<void> => {
  const { io, config } = context;
  const bytes = await readGivenPhoto(file, config.maxPixels);
  const { vision, asked } = await open(context, options);
  const { watchlist, json, reason: _, ...wanted } = options;
  const found = await searchByPhoto(vision, bytes, { ...wanted, watchlists: watchlist }, asked);
  if (json) return printJson(io, found);
  const { length: faces } = found.faces;
  print(io, `${faces === 1 ? 'one face' : `${faces} faces`}, ${listsSearched(found)}`);
  if (faces === 0) return;
  const width = widthOf(io);
  print(io, table(found.faces.flatMap(peopleRows), width));
  for (const [title, rows] of [
    ['past faces', found.faces.flatMap(pastRows)],
    ['strangers', found.faces.flatMap(strangerRows)],
  ] as const) {
    const asked = title === 'strangers' ? options.strangers : options.past;
    if (asked)
      print(io, rows.length > 0 ? `\n${title}\n${table(rows, width)}` : `\nno ${title} are like these`);
  }
};

const listsSearched = ({ watchlists }: PhotoSearch): string =>
  watchlists.length === 1 ? 'one list searched' : `${watchlists.length} lists searched`;

type Face = PhotoSearch['faces'][number];

const placeOf = ({ box }: Pick<Face, 'box'>): string =>
  `${Math.round(box.x)},${Math.round(box.y)} ${Math.round(box.width)}×${Math.round(box.height)}`;

/** One row for each person that a face was compared with, or one without a person. */
const peopleRows = (face: Face): Record<string, unknown>[] => {
  const own = { face: face.ordinal, place: placeOf(face), view: face.quality.gate.join(', ') || 'good' };
  if (face.people.length === 0)
    return [{ ...own, result: face.outcome, person: null, similarity: null, lists: '' }];
  return face.people.map((one, index) => ({
    ...(index === 0 ? own : { face: null, place: null, view: null }),
    result: index === 0 ? face.outcome : null,
    person: one.person,
    similarity: one.similarity,
    lists: one.watchlists
      .map(({ name, threshold, reached }) => `${name} ${reached ? '≥' : '<'} ${threshold.toFixed(2)}`)
      .join(', '),
  }));
};

const pastRows = (face: Face) =>
  (face.past ?? []).map(({ similarity, seen_at, camera, location, person, image_id }) => ({
    face: face.ordinal,
    similarity,
    seen_at,
    camera,
    location,
    person,
    image_id,
  }));

const strangerRows = (face: Face) =>
  (face.strangers ?? []).map(({ similarity, faces, first_seen, last_seen, stranger_id }) => ({
    face: face.ordinal,
    similarity,
    faces,
    first_seen,
    last_seen,
    stranger_id,
  }));

interface CompareOptions extends CommonOptions {
  readonly threshold?: number;
}

/** compare: whether two photos show the same person. */
export const compareCommand: AddCommand = (program, session) =>
  program
    .command('compare')
    .description('Compare the faces of two photos, and store nothing but that you did')
    .argument('<photo>', 'a file')
    .argument('<file>', 'the photo to compare it with')
    .option(
      '--threshold <number>',
      'the least similarity of a match (default: that of the model)',
      similarity,
    )
    .addOption(facesOption)
    .option(...reasonOption)
    .option('--json', 'print JSON')
    .action(
      session.action(async (context, file: string, otherFile: string, options: CompareOptions) => {
        const { io, config } = context;
        const image = await readGivenPhoto(file, config.maxPixels);
        const other = await readGivenPhoto(otherFile, config.maxPixels);
        const { vision, asked } = await open(context, options);
        const found = await comparePhotos(vision, { image, other }, options, asked);
        if (options.json) return printJson(io, found);
        print(io, compared[found.outcome](found.best?.similarity ?? 0, found.threshold));
        if (found.pairs.length > 0)
          print(
            io,
            table(
              found.pairs.slice(0, 20).map((pair) => ({ ...pair })),
              widthOf(io),
            ),
          );
      }),
    );

/** What became of a comparison, in words. */
const compared: Record<PhotoComparison['outcome'], (similarity: number, threshold: number) => string> = {
  match: (similarity, threshold) =>
    `match: similarity ${similarity.toFixed(3)}, threshold ${threshold.toFixed(2)}`,
  gated: (similarity, threshold) =>
    `no match: similarity ${similarity.toFixed(3)} reaches ${threshold.toFixed(2)}, but the view of a face is too poor to rely on`,
  below_threshold: (similarity, threshold) =>
    `no match: similarity ${similarity.toFixed(3)}, threshold ${threshold.toFixed(2)}`,
  no_face: () => 'no match: a photo has no face',
};

/** detect: the faces of a photo and their quality. */
export const detectCommand: AddCommand = (program, session) =>
  program
    .command('detect')
    .description('Show the faces of a photo, their quality, and why one would not be enrolled')
    .argument('<photo>', 'a file; it is not submitted')
    .addOption(facesOption)
    .option(...reasonOption)
    .option('--json', 'print JSON, with the landmarks')
    .action(
      session.action(async (context, file: string, options: CommonOptions) => {
        const { io, config } = context;
        const bytes = await readGivenPhoto(file, config.maxPixels);
        const { vision, asked } = await open(context, options);
        const found = await detectInPhoto(vision, bytes, options, asked);
        if (options.json) return printJson(io, found);
        print(io, `${found.width} × ${found.height} ${found.format}${found.damaged ? ', damaged' : ''}`);
        if (found.enrolment) print(io, `${found.enrolment.code}: ${found.enrolment.message}`);
        const rows = found.faces.map((face) => ({
          face: face.ordinal,
          place: placeOf(face),
          score: face.quality.score,
          height: Math.round(face.quality.height_px),
          sharpness: Math.round(face.quality.sharpness),
          yaw: Math.round(face.quality.yaw),
          pitch: Math.round(face.quality.pitch),
          norm: face.quality.norm,
          refused: face.refusals.map(({ code }) => code).join(', ') || 'no',
        }));
        if (rows.length > 0) print(io, table(rows, widthOf(io)));
      }),
    );

/** The models, and the record of who asks. */
const open = async (context: Context, { reason }: CommonOptions) => {
  const { db } = await connect(context);
  const vision = await openVision(context);
  const asked: Asked = { transact: (run) => db.transaction().execute(run), reason };
  return { vision, asked };
};
