import { type Command, Option } from 'commander';
import {
  readAlert,
  readAlertMatches,
  readReviews,
  reviewAlert,
  selectAlerts,
} from '../../watchlist/alerts.ts';
import { connect } from '../connect.ts';
import { table } from '../sql.ts';
import { once, stopper } from './context.ts';
import { identifier, moment, position, words } from './options.ts';

interface Wanted {
  readonly state?: string;
  readonly minSeverity?: string;
  readonly watchlist?: string;
  readonly since?: string;
  readonly limit: number;
  readonly json?: boolean;
}

/** alert: what was raised, and what is made of it. The reviewer is the database user. */
export const addAlerts = (program: Command): void => {
  const alert = program.command('alert').description('Alerts, and acting on them');

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
    .addOption(
      new Option('--min-severity <word>', 'this severity or a higher one').choices([
        'info',
        'warning',
        'critical',
      ]),
    )
    .option('--watchlist <name>', 'of this list')
    .option('--since <time>', 'seen at or after this time', moment)
    .option('--limit <number>', 'at most this many', position, 20)
    .option('--json', 'print JSON')
    .action(
      once(async ({ config, log }, { limit, json, minSeverity, ...wanted }: Wanted) => {
        const { db } = await connect(config, log, stopper);
        const alerts = await selectAlerts(db, { ...wanted, min_severity: minSeverity })
          .orderBy('a.last_seen', 'desc')
          .orderBy('a.id', 'desc')
          .limit(limit)
          .execute();
        const shown = alerts.map((one) => ({
          id: one.id,
          last_seen: one.last_seen,
          person: one.person,
          location: one.location,
          severity: one.severity,
          state: one.withdrawn_at ? `${one.state}, withdrawn` : one.state,
          similarity: one.similarity,
          sightings: one.sightings,
        }));
        if (json) process.stdout.write(`${JSON.stringify(alerts)}\n`);
        else process.stdout.write(alerts.length > 0 ? `${table(shown)}\n` : 'no alerts\n');
        return true;
      }),
    );

  alert
    .command('show')
    .description('Show an alert with its sightings and reviews')
    .argument('<id>', 'its id', identifier)
    .option('--json', 'print JSON')
    .action(
      once(async ({ config, log }, id: string, { json }: { json?: boolean }) => {
        const { db } = await connect(config, log, stopper);
        const shown = await readAlert(db, id);
        const [matches, reviews] = [await readAlertMatches(db, id), await readReviews(db, id)];
        if (json) process.stdout.write(`${JSON.stringify({ ...shown, matches, reviews })}\n`);
        else
          process.stdout.write(
            `${sentences(shown)}\n\n${table(matches)}\n${reviews.length > 0 ? `\n${table(reviews)}\n` : ''}`,
          );
        return true;
      }),
    );

  const reviewing = (decision: 'acknowledge' | 'confirm' | 'reopen', description: string) =>
    alert
      .command(decision)
      .description(description)
      .argument('<id>', "the alert's id", identifier)
      .option('--note <words>', 'why', words)
      .action(
        once(async ({ config, log }, id: string, options: { note?: string }) => {
          const { db } = await connect(config, log, stopper);
          const reviewed = await reviewAlert(db, id, { decision, ...options });
          process.stdout.write(`${sentences(reviewed)}\n`);
          return true;
        }),
      );
  reviewing('acknowledge', 'Take up an open alert');
  reviewing('confirm', 'Confirm that it is them');
  reviewing('reopen', 'Make an alert open again');

  alert
    .command('dismiss')
    .description('Dismiss an alert')
    .argument('<id>', "the alert's id", identifier)
    .addOption(
      new Option('--as <reason>', 'not_them is remembered: these faces are never taken for this person again')
        .choices(['not_them', 'false_alarm', 'resolved', 'other'])
        .makeOptionMandatory(),
    )
    .option('--note <words>', 'why', words)
    .action(
      once(async ({ config, log }, id: string, { as, note }: { as: string; note?: string }) => {
        const { db } = await connect(config, log, stopper);
        const reviewed = await reviewAlert(db, id, { decision: 'dismiss', dismissal: as, note });
        process.stdout.write(`${sentences(reviewed)}\n`);
        return true;
      }),
    );
};

const sentences = (alert: Awaited<ReturnType<typeof readAlert>>): string => {
  const place = alert.location ? ` at ${alert.location}` : '';
  const waits = alert.awaiting ? `; it waits for ${alert.awaiting}` : '';
  const why = alert.dismissal ? ` (${alert.dismissal})` : '';
  return `${alert.person}${place}, list ${alert.watchlist}: ${alert.state}${why}${waits}`;
};
