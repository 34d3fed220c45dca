import { Option } from 'commander';
import { retryCollisions } from '../database/retry.ts';
import { readAlertMatches, readChance } from '../watchlist/alert-origin.ts';
import { listAlerts, readAlert, readReviews, reviewAlert } from '../watchlist/alerts.ts';
import { alertEvidence } from './alert-evidence.ts';
import { connect } from './program/connect.ts';
import { forEach } from './program/each.ts';
import { print, printJson } from './program/io.ts';
import {
  identifier,
  identifiers,
  momentOption,
  positionOption,
  searched,
  severities,
  words,
} from './program/options.ts';
import type { AddCommand, Context } from './program/session.ts';
import { printRows, table, widthOf } from './program/table.ts';

/** alert: what was raised, and the reviews of it. The reviewer is the database user. */
export const alertCommand: AddCommand = (program, session) => {
  const alert = program
    .command('alert')
    .description('List alerts, review them and hand them over as evidence');
  for (const add of [
    ...[
      alertList,
      alertShow,
      alertAcknowledge,
      alertConfirm,
      alertDismiss,
      alertReopen,
      alertUndo,
      alertEvidence,
    ],
  ])
    add(alert, session);
};

type Alert = Awaited<ReturnType<typeof readAlert>>;

interface ListOptions {
  readonly state?: string;
  readonly minSeverity?: string;
  readonly watchlist?: string;
  readonly since?: string;
  readonly after?: string;
  readonly limit: number;
  readonly json?: boolean;
}

const alertList: AddCommand = (alert, session) =>
  alert
    .command('list')
    .description('List alerts, the latest first')
    .addOption(
      new Option('--state <word>', 'in this state only').choices([
        'open',
        'acknowledged',
        'confirmed',
        'dismissed',
      ]),
    )
    .addOption(new Option('--min-severity <word>', 'this severity or a higher one').choices(severities))
    .option('--watchlist <name>', 'of this list', searched)
    .option('--since <time>', 'seen at or after this time', momentOption)
    .option('--after <id>', 'the next page: those that come after this alert', identifier)
    .option('--limit <number>', 'at most this many', positionOption, 20)
    .option('--json', 'print JSON')
    .action(
      session.action(async (context, { after, limit, json, minSeverity, ...wanted }: ListOptions) => {
        const { db } = await connect(context);
        const alerts = await listAlerts(db, { ...wanted, min_severity: minSeverity }, { after, limit });
        printRows(context.io, alerts, {
          json,
          none: 'no alerts',
          columns: (one) => ({
            id: one.id,
            last_seen: one.last_seen,
            person: one.person,
            location: one.location,
            severity: one.severity,
            state: one.withdrawn_at ? `${one.state}, withdrawn` : one.state,
            similarity: one.similarity,
            sightings: one.sightings,
          }),
        });
      }),
    );

const alertShow: AddCommand = (alert, session) =>
  alert
    .command('show')
    .description('Show an alert with its sightings and reviews')
    .argument('<id>', 'its id', identifier)
    .option('--json', 'print JSON')
    .action(
      session.action(async (context, id: string, { json }: { json?: boolean }) => {
        const { db } = await connect(context);
        const found = await readAlert(db, id);
        const [matches, reviews] = [await readAlertMatches(db, id), await readReviews(db, id)];
        const chance = await readChance(db, id);
        if (json) return printJson(context.io, { ...found, ...chance, matches, reviews });
        const asAlike = chance.in_words === null ? '' : `\nas alike as this: ${chance.in_words}`;
        print(context.io, `${summaryOf(found)}${asAlike}\n\n${table(matches, widthOf(context.io))}`);
        if (reviews.length > 0) print(context.io, `\n${table(reviews, widthOf(context.io))}`);
      }),
    );

/** Reviews alerts, each by itself; false if one could not be reviewed. */
const reviewEach = async (
  context: Context,
  ids: readonly string[],
  review: Parameters<typeof reviewAlert>[2],
): Promise<boolean> => {
  const { db } = await connect(context);
  return forEach(context.io, ids, async (id) => {
    const reviewed = await retryCollisions(() => reviewAlert(db, id, review));
    print(context.io, summaryOf(reviewed), reviewed);
  });
};

/** A decision that takes nothing but a note. */
const review =
  (decision: 'acknowledge' | 'confirm' | 'reopen', description: string): AddCommand =>
  (alert, session) =>
    alert
      .command(decision)
      .description(description)
      .argument('<id...>', 'ids of alerts', identifiers)
      .option('--note <words>', 'why', words)
      .action(
        session.action((context, ids: string[], options: { note?: string }) =>
          reviewEach(context, ids, { decision, ...options }),
        ),
      );

const alertAcknowledge = review('acknowledge', 'Say that you are dealing with open alerts');
const alertConfirm = review('confirm', 'Confirm that it is this person');
const alertReopen = review('reopen', 'Make alerts open again');

const alertDismiss: AddCommand = (alert, session) =>
  alert
    .command('dismiss')
    .description('Dismiss alerts')
    .argument('<id...>', 'ids of alerts', identifiers)
    .addOption(
      new Option(
        '--as <reason>',
        'why; after not_them these faces, and faces like them, are never matched with this person again',
      )
        .choices(['not_them', 'false_alarm', 'resolved', 'other'])
        .makeOptionMandatory(),
    )
    .option('--note <words>', 'more about it', words)
    .action(
      session.action((context, ids: string[], { as, note }: { as: string; note?: string }) =>
        reviewEach(context, ids, { decision: 'dismiss', dismissal: as, note }),
      ),
    );

const alertUndo: AddCommand = (alert, session) =>
  alert
    .command('undo')
    .description('Take back the last review of an alert: everything is as before, and both stay on record')
    .argument('<id>', "the alert's id", identifier)
    .option('--review <id>', 'only if this is still the last one (alert show lists them)', identifier)
    .option('--note <words>', 'why', words)
    .action(
      session.action(async (context, id: string, options: { review?: string; note?: string }) => {
        const { db } = await connect(context);
        const undone = await retryCollisions(() => reviewAlert(db, id, { decision: 'undo', ...options }));
        print(context.io, summaryOf(undone), undone);
      }),
    );

const summaryOf = (alert: Alert): string => {
  const place = alert.location ? ` at ${alert.location}` : '';
  const waits = alert.awaiting ? `; it waits for ${alert.awaiting}` : '';
  const why = alert.dismissal ? ` (${alert.dismissal})` : '';
  return `${alert.person}${place}, list ${alert.watchlist}: ${alert.state}${why}${waits}`;
};
