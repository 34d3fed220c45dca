import { Option } from 'commander';
import { WatchpostError } from '../errors.ts';
import {
  listSearches,
  listTracks,
  readTrackViews,
  searchOutcomes,
  type TrackFilter,
} from '../watchlist/registry.ts';
import { connect } from './program/connect.ts';
import { findOnePerson, personArgument } from './program/find-person.ts';
import { print, printJson } from './program/io.ts';
import { identifier, momentOption, positionOption, searched, tokenOption } from './program/options.ts';
import type { AddCommand } from './program/session.ts';
import { printFields, printRows, table, widthOf } from './program/table.ts';

/** track: people followed over the frames of a camera. */
export const trackCommand: AddCommand = (program, session) => {
  const track = program.command('track').description('People followed over the frames of a camera');
  for (const add of [trackList, trackShow]) add(track, session);
};

interface ListOptions extends TrackFilter {
  readonly json?: boolean;
}

const trackList: AddCommand = (track, session) =>
  track
    .command('list')
    .description('List tracks, those that began last first')
    .option('--camera <name>', 'of one camera, also of one that was removed', searched)
    .option('--person <person>', `matched with this person: ${personArgument}`, tokenOption)
    .addOption(new Option('--decision <word>', 'with this decision').choices([...searchOutcomes]))
    .option('--since <time>', 'there at or after this time', momentOption)
    .option('--until <time>', 'there before this time', momentOption)
    .option('--after <id>', 'the next page: those that come after this track', identifier)
    .option('--limit <number>', 'at most this many', positionOption, 20)
    .option('--json', 'print JSON')
    .action(
      session.action(async (context, { json, person, ...wanted }: ListOptions) => {
        const { db } = await connect(context);
        const who = person === undefined ? undefined : (await findOnePerson(db, person)).id;
        printRows(context.io, await listTracks(db, { ...wanted, person: who }), {
          json,
          none: 'no tracks',
          columns: ({ id, began_at, ended_at, camera, faces, looks, decision, person, similarity }) => ({
            ...{ began_at, ended_at, camera, faces, looks, decision, person, similarity, id },
          }),
        });
      }),
    );

const trackShow: AddCommand = (track, session) =>
  track
    .command('show')
    .description(
      'Show a track with its decision and alert, its searches, and its faces, of a long one about 100',
    )
    .argument('<id>', 'its id', identifier)
    .option('--json', 'print JSON')
    .action(
      session.action(async (context, id: string, { json }: { json?: boolean }) => {
        const { io } = context;
        const { db } = await connect(context);
        const [found] = await listTracks(db, { id, limit: 1 });
        if (!found) throw new WatchpostError('track_unknown', `There is no track ${id}.`);
        const views = await readTrackViews(db, id);
        const searches =
          found.face_id === null ? [] : await listSearches(db, { face: found.face_id, limit: 100 });
        if (json) return printJson(io, { ...found, searches, views });
        printFields(io, found);
        const width = widthOf(io);
        const searched = searches.map(({ created_at, outcome, person, similarity, superseded_at }) => ({
          ...{ searched_at: created_at, outcome, person, similarity, superseded_at },
        }));
        const faces = views.map((view) => ({ ...view }));
        for (const rows of [searched, faces]) if (rows.length > 0) print(io, `\n${table(rows, width)}`);
      }),
    );
