import { legalBasisNames } from '../legal-bases.ts';
import { enrolStranger, readRecurring, readStranger } from '../watchlist/strangers.ts';
import { enrolledOrTakenBack } from './enrol-photos.ts';
import { connect } from './program/connect.ts';
import { print, printJson } from './program/io.ts';
import {
  basisOption,
  identifier,
  momentOption,
  named,
  positionOption,
  severalSearched,
  similarity,
  tokenOption,
} from './program/options.ts';
import type { AddCommand } from './program/session.ts';
import { printRows, table, widthOf } from './program/table.ts';

/** strangers: grouping the faces that match nobody. */
export const strangersCommand: AddCommand = (program, session) => {
  const strangers = program
    .command('strangers')
    .description('Recurring strangers: faces that match nobody, grouped');
  for (const add of [strangersOn, strangersOff, strangersList, strangersShow, strangersEnrol])
    add(strangers, session);
};

interface OnOptions {
  readonly similarity?: number;
  readonly minFaces?: number;
  readonly retention?: string;
  readonly visitGap?: string;
}

const strangersOn: AddCommand = (strangers, session) =>
  strangers
    .command('on')
    .description('Group faces that match nobody, from now on and as far back as the retention reaches')
    .option('--similarity <cosine>', 'how alike two faces of one stranger are (at first: 0.55)', similarity)
    .option('--min-faces <number>', 'how many faces make a stranger (at first: 3)', positionOption)
    .option('--retention <interval>', 'how long a face is kept here, like "30 days" (at first)')
    .option('--visit-gap <interval>', 'how far apart two visits are, like "30 minutes" (at first)')
    .action(
      session.action(async (context, options: OnOptions) => {
        const { similarity, minFaces, retention, visitGap } = options;
        const { pool } = await connect(context);
        await pool.query('select watchpost.enable_strangers($1, $2, $3, $4)', [
          similarity,
          minFaces,
          retention,
          visitGap,
        ]);
        const { rows } = await pool.query(
          `select similarity, min_faces, watchpost.stranger_age()::text as retention, visit_gap::text
           from watchpost.stranger_setting`,
        );
        print(context.io, `faces that match nobody are grouped\n${table(rows, widthOf(context.io))}`, {
          grouped: true,
          setting: rows,
        });
      }),
    );

const strangersOff: AddCommand = (strangers, session) =>
  strangers
    .command('off')
    .description('Group no more faces; the groups end with their retention')
    .option('--forget', 'delete all groups at once; people who were enrolled from them stay')
    .action(
      session.action(async (context, { forget = false }: { forget?: boolean }) => {
        const { pool } = await connect(context);
        await pool.query('select watchpost.disable_strangers($1)', [forget]);
        print(
          context.io,
          `faces that match nobody are not grouped${forget ? '; all groups are forgotten' : ''}`,
          { grouped: false, forgotten: forget },
        );
      }),
    );

interface StrangersListOptions {
  readonly visits: number;
  readonly since?: string;
  readonly after?: string;
  readonly limit: number;
  readonly json?: boolean;
}

const strangersList: AddCommand = (strangers, session) =>
  strangers
    .command('list')
    .description('Strangers who have come several times')
    .option('--visits <number>', 'at least so many visits', positionOption, 2)
    .option('--since <time>', 'count visits from this time on', momentOption)
    .option('--after <id>', 'the next page: those that come after this stranger', identifier)
    .option('--limit <number>', 'at most this many', positionOption, 100)
    .option('--json', 'print JSON')
    .action(
      session.action(async (context, { json, ...wanted }: StrangersListOptions) => {
        const found = await readRecurring((await connect(context)).db, wanted);
        printRows(context.io, found, {
          json,
          none: 'nobody',
          columns: (one) => ({ ...one, cameras: one.cameras.join(', ') }),
        });
      }),
    );

const strangersShow: AddCommand = (strangers, session) =>
  strangers
    .command('show')
    .description('The faces of a stranger, latest first')
    .argument('<id>', 'its id', identifier)
    .option('--json', 'print JSON')
    .action(
      session.action(async (context, id: string, options: { json?: boolean }) => {
        const { faces, ...stranger } = await readStranger((await connect(context)).db, id);
        if (options.json) return printJson(context.io, { ...stranger, faces });
        print(context.io, table([stranger], widthOf(context.io)));
        if (faces.length > 0) print(context.io, `\n${table(faces, widthOf(context.io))}`);
      }),
    );

interface EnrolOptions {
  readonly ref?: string;
  readonly watchlist: string[];
  readonly legalBasis?: string;
  readonly wait: boolean;
}

const strangersEnrol: AddCommand = (strangers, session) =>
  strangers
    .command('enrol')
    .description(
      'Make a stranger a person, with their best views as photos; if none can be used, nobody is added',
    )
    .argument('<id>', 'its id', identifier)
    .argument('<name>', '', named)
    .option('--ref <key>', 'their key in another system', tokenOption)
    .option('--watchlist <name>', 'put them on this list; may be repeated', severalSearched, [])
    .option('--legal-basis <word>', `what allows it: ${legalBasisNames.join(', ')}`, basisOption)
    .option('--no-wait', 'do not wait for the enrolment: they stay, even if every view is refused')
    .action(
      session.action(async (context, id: string, name: string, options: EnrolOptions) => {
        const { io } = context;
        const database = await connect(context);
        const { personId, photos } = await enrolStranger(database.db, id, {
          name,
          external_ref: options.ref,
          watchlists: options.watchlist,
          legal_basis: options.legalBasis,
        });
        if (options.wait) {
          const waiting = photos.map((photo) => ({ file: `face ${photo.face_id}`, id: photo.id }));
          return enrolledOrTakenBack(io, database, { person: { id: personId, name }, waiting }, () => advice);
        }
        print(io, `${name}  ${personId}`, { person: name, id: personId });
        return true;
      }),
    );

const advice =
  'If it is somebody who is enrolled, or a face is good enough all the same: person enrol-face PERSON FACE, with --accept.';
