import { type Command, Option } from 'commander';
import { CommandError } from '../errors.ts';
import {
  addToWatchlist,
  addWatchlist,
  cameraNames,
  countHistory,
  findWatchlist,
  readWatchlist,
  readWatchlists,
  removeFromWatchlist,
  removeWatchlist,
  setWatchlist,
  sounds,
  type ThresholdName,
  type WatchlistFields,
} from '../watchlist/registry.ts';
import { connect } from './program/connect.ts';
import { deletionProgress, listed, recordStays, transactions } from './program/deleting.ts';
import { forEach } from './program/each.ts';
import { findOnePerson, personArgument } from './program/find-person.ts';
import { print } from './program/io.ts';
import {
  colorOption,
  face,
  momentOption,
  named,
  purposeOption,
  searched,
  seconds,
  severalNamed,
  severalSearched,
  severalTokens,
  severities,
  shareOption,
  similarity,
  threshold,
} from './program/options.ts';
import type { AddCommand, Context } from './program/session.ts';
import { showing } from './program/show.ts';
import { siteIfSeveral } from './program/site-column.ts';
import { printRows } from './program/table.ts';
import { watchlistPaging } from './watchlist-paging.ts';

/** watchlist: lists, and who is on them. */
export const watchlistCommand: AddCommand = (program, session) => {
  const watchlist = program.command('watchlist').description('Watchlists');
  for (const add of [
    watchlistAdd,
    watchlistList,
    watchlistShow,
    watchlistSet,
    watchlistRemove,
    watchlistPut,
    watchlistTake,
    watchlistPaging,
  ])
    add(watchlist, session);
};

interface FieldOptions {
  readonly threshold?: number | ThresholdName;
  readonly targetFpir?: number;
  readonly severity?: string;
  readonly purpose?: string;
  readonly minLooks?: number;
  readonly minShare?: number;
  readonly cooldown?: number;
  readonly validFrom?: string;
  readonly validUntil?: string;
  readonly reviewers?: string;
  readonly enabled?: boolean;
  readonly pageRetroactive?: boolean;
  /** False: --no-color. */
  readonly color?: string | false;
  readonly sound?: (typeof sounds)[number];
  readonly mustAcknowledge?: boolean;
  readonly camera?: string[];
  readonly zone?: string[];
  readonly everywhere?: boolean;
}

/** The options that add and set have in common. */
const withFields = (command: Command): Command =>
  command
    .option(
      '--threshold <similarity>',
      'least similarity for a match: 0 to 1, or loose, default or strict, which follow the model (default: default)',
      threshold,
    )
    .option(
      '--target-fpir <share>',
      'take the threshold from the calibration: the share of strangers that may be taken for somebody',
      shareOption,
    )
    .addOption(
      new Option('--severity <word>', 'how urgent a sighting is (default: warning)').choices(severities),
    )
    .option('--purpose <words>', 'what its people are searched for', purposeOption)
    .option('--min-looks <number>', 'so many faces of a track must reach the threshold (default: 1)', face)
    .option(
      '--min-share <share>',
      'so large a share of its good faces must reach the threshold, 0 to 1 (default: 0)',
      similarity,
    )
    .option('--cooldown <seconds>', 'sightings closer than this extend one alert (default: 300)', seconds)
    .option('--valid-from <time>', 'searched from then on, like 2026-11-23T15:04:05Z', momentOption)
    .option('--valid-until <time>', 'searched until then', momentOption)
    .addOption(new Option('--reviewers <number>', 'how many must confirm an alert').choices(['1', '2']))
    .option('--page-retroactive', 'send alerts for what was seen before somebody was enrolled, too')
    .option('--color <color>', 'of its alerts on screens, like #d4201a', colorOption)
    .option('--no-color', 'the color of the severity')
    .addOption(
      new Option('--sound <name>', 'what a screen plays for its alerts (default: none)').choices(sounds),
    )
    .option('--must-acknowledge', 'its alerts stay in front until somebody has acknowledged them')
    .option('--no-must-acknowledge', 'they do not')
    .option(
      '--camera <name>',
      'compare photos of this camera with it and of no other, but those of --camera and --zone; may be repeated',
      severalSearched,
    )
    .option('--zone <name>', 'the same for the cameras of a zone; may be repeated', severalNamed)
    .option('--everywhere', 'compare photos of all cameras of its site with it (default)')
    .option('--enabled', 'search it')
    .option('--no-enabled', 'do not search it');

const fieldsOf = (options: FieldOptions) => {
  const { targetFpir, minLooks, minShare, cooldown, validFrom, validUntil, ...others } = options;
  const { reviewers, pageRetroactive, color, mustAcknowledge, camera, zone, everywhere, ...columns } = others;
  if (everywhere && (camera || zone)) {
    throw new CommandError(
      'Give --everywhere, or --camera and --zone: a list is for all cameras or for some.',
    );
  }
  if (columns.threshold !== undefined && targetFpir !== undefined) {
    throw new CommandError('Give --threshold or --target-fpir: one follows from the other.');
  }
  return {
    ...columns,
    target_fpir: targetFpir,
    min_looks: minLooks,
    min_share: minShare,
    cooldown_seconds: cooldown,
    valid_from: validFrom,
    valid_until: validUntil,
    reviewers: reviewers === undefined ? undefined : Number(reviewers),
    page_retroactive: pageRetroactive,
    color: color === false ? null : color,
    must_acknowledge: mustAcknowledge,
    cameras: everywhere ? null : camera,
    zones: everywhere ? null : zone,
  } satisfies WatchlistFields;
};

/** A threshold with its name, if it has one. */
const thresholdOf = (list: { threshold: number; threshold_name: string | null }): string =>
  list.threshold_name === null ? `${list.threshold}` : `${list.threshold} (${list.threshold_name})`;

const watchlistAdd: AddCommand = (watchlist, session) =>
  withFields(watchlist.command('add').description('Add a watchlist').argument('<name>', '', named))
    .option('--site <name>', 'the site it belongs to (default: the first one)', searched)
    .action(
      session.action(
        async (context, name: string, { site, ...options }: FieldOptions & { site?: string }) => {
          const { db } = await connect(context);
          const list = await addWatchlist(db, { name, site, ...fieldsOf(options) });
          print(context.io, `${list.name}  ${list.id}  threshold ${thresholdOf(list)}`, list);
        },
      ),
    );

const watchlistList: AddCommand = (watchlist, session) =>
  watchlist
    .command('list')
    .description('Every list, and whether it is searched now')
    .option('--json', 'print JSON')
    .action(
      session.action(async (context, options: { json?: boolean }) => {
        const { db } = await connect(context);
        const found = await readWatchlists(db);
        printRows(context.io, found, {
          ...options,
          columns: (list) => ({
            name: list.name,
            ...siteIfSeveral(found, list.site),
            severity: list.severity,
            threshold: thresholdOf(list),
            ...(found.some((one) => one.min_looks > 1) ? { min_looks: list.min_looks } : {}),
            ...(found.some((one) => one.min_share > 0) ? { min_share: list.min_share } : {}),
            persons: list.persons,
            in_force: list.in_force ? 'yes' : 'no',
            valid_until: list.valid_until,
            version: list.version,
            id: list.id,
          }),
        });
      }),
    );

const watchlistShow = showing(
  'Show everything that is set of a list',
  async (db, name) => readWatchlist(db, await findWatchlist(db, name)),
  async (list, db) => ({
    ...list,
    threshold: thresholdOf(list),
    cameras: (await cameraNames(db, list.cameras))?.join(', ') ?? (list.zones ? null : 'all'),
    zones: list.zones?.join(', ') ?? null,
  }),
);

const watchlistSet: AddCommand = (watchlist, session) =>
  withFields(
    watchlist
      .command('set')
      .description('Change a list')
      .argument('<name>', 'name or id', searched)
      .option('--rename <name>', 'another name', named),
  ).action(
    session.action(
      async (context, name: string, { rename, ...options }: FieldOptions & { rename?: string }) => {
        const { db } = await connect(context);
        const id = await findWatchlist(db, name);
        const list = await setWatchlist(db, id, { name: rename, ...fieldsOf(options) });
        print(
          context.io,
          `${list.name}  ${list.id}  threshold ${thresholdOf(list)}  version ${list.version}`,
          list,
        );
      },
    ),
  );

const watchlistRemove: AddCommand = (watchlist, session) =>
  watchlist
    .command('remove')
    .description('Delete a list with its matches and alerts; "set NAME --no-enabled" keeps them')
    .argument('<name>', 'name or id', searched)
    .option('--dry-run', 'print what would be deleted, and delete nothing')
    .action(
      session.action(async (context, name: string, { dryRun }: { dryRun?: boolean }) => {
        const { io } = context;
        const { db } = await connect(context);
        const id = await findWatchlist(db, name);
        const history = await countHistory(db, { watchlist: id });
        if (dryRun)
          return print(io, `${name} would be deleted, with ${listed(history)}\n${recordStays}`, {
            watchlist: name,
            dry_run: true,
            history,
          });
        const progress = deletionProgress(io, 'entries and alerts deleted', history.entries + history.alerts);
        await removeWatchlist(transactions(db), id, progress.step);
        progress.end();
        print(io, `${name} is gone, with ${listed(history)}\n${recordStays}`, { watchlist: name, history });
      }),
    );

/** Finds a list and people by what was typed, and changes the entry of each; false if one could not be found. */
const changeEntries = async (
  context: Context,
  [listName, people]: [listName: string, people: readonly string[]],
  change: typeof addToWatchlist | typeof removeFromWatchlist,
  outcome: 'on' | 'off',
): Promise<boolean> => {
  const { db } = await connect(context);
  const list = await findWatchlist(db, listName);
  return forEach(context.io, people, async (wanted) => {
    const person = await findOnePerson(db, wanted);
    await change(db, list, person.id);
    print(context.io, `${person.name} is ${outcome} ${listName}`, {
      person,
      watchlist: listName,
      done: outcome,
    });
  });
};

const watchlistPut: AddCommand = (watchlist, session) =>
  watchlist
    .command('put')
    .description('Put people on a list')
    .argument('<list>', 'name or id', searched)
    .argument('<person...>', personArgument, severalTokens)
    .action(
      session.action((context, listName: string, people: string[]) =>
        changeEntries(context, [listName, people], addToWatchlist, 'on'),
      ),
    );

const watchlistTake: AddCommand = (watchlist, session) =>
  watchlist
    .command('take')
    .description('Take people off a list')
    .argument('<list>', 'name or id', searched)
    .argument('<person...>', personArgument, severalTokens)
    .action(
      session.action((context, listName: string, people: string[]) =>
        changeEntries(context, [listName, people], removeFromWatchlist, 'off'),
      ),
    );
