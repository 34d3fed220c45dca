import { type Command, Option } from 'commander';
import { CommandError } from '../../errors.ts';
import {
  addToWatchlist,
  addWatchlist,
  findWatchlist,
  readWatchlists,
  removeFromWatchlist,
  removeWatchlist,
  setWatchlist,
  type ThresholdName,
  type WatchlistFields,
} from '../../watchlist/registry.ts';
import { connect } from '../connect.ts';
import { findOnePerson } from '../person.ts';
import { table } from '../sql.ts';
import { once, stopper } from './context.ts';
import { moment, named, seconds, share, threshold, words } from './options.ts';

interface ListOptions {
  threshold?: number | ThresholdName;
  targetFpir?: number;
  severity?: string;
  purpose?: string;
  cooldown?: number;
  validFrom?: string;
  validUntil?: string;
  reviewers?: string;
  enabled?: boolean;
  pageRetroactive?: boolean;
}

const fieldsOf = ({ targetFpir, cooldown, validFrom, validUntil, reviewers, ...others }: ListOptions) => {
  if (others.threshold !== undefined && targetFpir !== undefined) {
    throw new CommandError('Give --threshold or --target-fpir: one follows from the other.');
  }
  const { pageRetroactive, ...columns } = others;
  return {
    ...columns,
    target_fpir: targetFpir,
    cooldown_seconds: cooldown,
    valid_from: validFrom,
    valid_until: validUntil,
    reviewers: reviewers === undefined ? undefined : Number(reviewers),
    page_retroactive: pageRetroactive,
  } satisfies WatchlistFields;
};

/** A threshold with its name, if it has one. */
const shown = (list: { threshold: number; threshold_name: string | null }): string =>
  list.threshold_name === null ? `${list.threshold}` : `${list.threshold} (${list.threshold_name})`;

/** What add and set have in common. */
const withFields = (command: Command): Command =>
  command
    .option(
      '--threshold <similarity>',
      'least similarity for a match: 0 to 1, or loose, default or strict, which follow the model (default: default)',
      threshold,
    )
    .option(
      '--target-fpir <share>',
      'take the threshold from the calibration: strangers taken for somebody',
      share,
    )
    .addOption(
      new Option('--severity <word>', 'how urgent a sighting is (default: warning)').choices([
        'info',
        'warning',
        'critical',
      ]),
    )
    .option('--purpose <words>', 'what it is for', words)
    .option('--cooldown <seconds>', 'sightings closer than this extend one alert (default: 300)', seconds)
    .option('--valid-from <time>', 'searched from then on, like 2026-11-23T15:04:05Z', moment)
    .option('--valid-until <time>', 'searched until then', moment)
    .addOption(new Option('--reviewers <number>', 'how many must confirm an alert').choices(['1', '2']))
    .option('--page-retroactive', 'send alerts for what was seen before somebody was enrolled, too')
    .option('--enabled', 'search it')
    .option('--no-enabled', 'do not search it');

/** watchlist: lists, and who is on them. */
export const addLists = (program: Command): void => {
  const watchlist = program.command('watchlist').description('Watchlists');

  withFields(watchlist.command('add').description('Add a watchlist').argument('<name>', '', named)).action(
    once(async ({ config, log }, name: string, options: ListOptions) => {
      const database = await connect(config, log, stopper);
      const list = await addWatchlist(database.db, { name, ...fieldsOf(options) });
      process.stdout.write(`${list.name}  ${list.id}  threshold ${shown(list)}\n`);
      return true;
    }),
  );

  watchlist
    .command('list')
    .description('Every list, and whether it is searched now')
    .option('--json', 'print JSON')
    .action(
      once(async ({ config, log }, options: { json?: boolean }) => {
        const database = await connect(config, log, stopper);
        const lists = await readWatchlists(database.db);
        if (options.json) process.stdout.write(`${JSON.stringify(lists)}\n`);
        else if (lists.length > 0)
          process.stdout.write(
            `${table(
              lists.map((list) => ({
                name: list.name,
                severity: list.severity,
                threshold: shown(list),
                persons: list.persons,
                in_force: list.in_force ? 'yes' : 'no',
                valid_until: list.valid_until,
                version: list.version,
                id: list.id,
              })),
            )}\n`,
          );
        return true;
      }),
    );

  withFields(
    watchlist
      .command('set')
      .description('Change a list')
      .argument('<name>', 'name or id')
      .option('--rename <name>', 'another name', named),
  ).action(
    once(async ({ config, log }, name: string, { rename, ...options }: ListOptions & { rename?: string }) => {
      const database = await connect(config, log, stopper);
      const id = await findWatchlist(database.db, name);
      const list = await setWatchlist(database.db, id, { name: rename, ...fieldsOf(options) });
      process.stdout.write(`${list.name}  ${list.id}  threshold ${shown(list)}  version ${list.version}\n`);
      return true;
    }),
  );

  watchlist
    .command('remove')
    .description('Delete a list with its matches and alerts; "set NAME --no-enabled" keeps them')
    .argument('<name>', 'name or id')
    .action(
      once(async ({ config, log }, name: string) => {
        const database = await connect(config, log, stopper);
        await removeWatchlist(database.db, await findWatchlist(database.db, name));
        process.stdout.write(`${name} is gone\n`);
        return true;
      }),
    );

  for (const verb of ['put', 'take'] as const) {
    watchlist
      .command(verb)
      .description(verb === 'put' ? 'Put a person on a list' : 'Take a person off a list')
      .argument('<list>', 'name or id')
      .argument('<person>', 'id, external reference, or a name that only one person has')
      .action(
        once(async ({ config, log }, name: string, who: string) => {
          const database = await connect(config, log, stopper);
          const list = await findWatchlist(database.db, name);
          const person = await findOnePerson(database.db, who);
          await (verb === 'put' ? addToWatchlist : removeFromWatchlist)(database.db, list, person.id);
          process.stdout.write(`${person.name} is ${verb === 'put' ? 'on' : 'off'} ${name}\n`);
          return true;
        }),
      );
  }
};
