import { InvalidArgumentError } from 'commander';
import { CommandError } from '../errors.ts';
import { type Paging, readPaging, removePaging, setPaging } from '../watchlist/registry.ts';
import { connect } from './program/connect.ts';
import { print } from './program/io.ts';
import { duration, keyLimitOption, searched, severalSearched } from './program/options.ts';
import { daysIn, hoursIn, wordsOfDays } from './program/schedule.ts';
import type { AddCommand } from './program/session.ts';

interface Options {
  readonly quiet?: Paging['quiet'][number][];
  readonly timeZone?: string;
  readonly criticalPierces?: boolean;
  readonly atMost?: number;
  readonly within?: number;
  readonly escalateAfter?: number;
  readonly then?: string[];
  readonly off?: boolean;
}

/** watchlist paging: quiet hours, rate and escalation of a list. */
export const watchlistPaging: AddCommand = (watchlist, session) =>
  watchlist
    .command('paging')
    .description('Show or set when the alerts of a list are sent, and to whom if nobody acknowledges them')
    .argument('<name>', 'name or id', searched)
    .option('--quiet <words>', 'quiet hours, like "mon-fri 22:00-06:00"; may be repeated', quietHours)
    .option('--time-zone <words>', 'in which they are meant, like Europe/Berlin (default: UTC)')
    .option('--critical-pierces', 'send critical alerts in quiet hours too')
    .option('--no-critical-pierces', 'hold them back')
    .option('--at-most <number>', 'so many messages an endpoint ...', keyLimitOption)
    .option('--within <duration>', '... within so long, like 10m', duration)
    .option(
      '--escalate-after <duration>',
      'without an acknowledgement tell the next after so long, like 5m',
      duration,
    )
    .option('--then <endpoint>', 'the next endpoint to tell; may be repeated', severalSearched)
    .option('--off', 'send them at once again, whatever was set')
    .action(
      session.action(async (context, name: string, options: Options) => {
        const { db } = await connect(context);
        const { off, ...given } = options;
        const isChange = Object.values(given).some((value) => value !== undefined);
        if (off && isChange) throw new CommandError('Give --off, or what is to be set.');
        if (off) await db.transaction().execute((trx) => removePaging(trx, name));
        else if (isChange) {
          const wanted = changed(await readPaging(db, name), given);
          await db.transaction().execute((trx) => setPaging(trx, name, wanted));
        }
        const paging = await readPaging(db, name);
        print(context.io, linesOf(paging).join('\n'), paging);
      }),
    );

/** What is set after a change: the rest stays. */
const changed = (before: Paging, given: Omit<Options, 'off'>): Paging => {
  const paging = {
    time_zone: given.timeZone ?? before.time_zone,
    quiet: given.quiet ?? before.quiet,
    critical_pierces: given.criticalPierces ?? before.critical_pierces,
    at_most: given.atMost ?? before.at_most,
    within_seconds: given.within ?? before.within_seconds,
    escalate_after_seconds: given.escalateAfter ?? before.escalate_after_seconds,
    steps: given.then ?? before.steps,
  };
  if ((paging.at_most === null) !== (paging.within_seconds === null))
    throw new CommandError('Give --at-most with --within, like --at-most 5 --within 10m.');
  if ((paging.escalate_after_seconds === null) !== (paging.steps.length === 0))
    throw new CommandError('Give --escalate-after with --then, like --escalate-after 5m --then manager.');
  return paging;
};

const quietHours = (text: string, before: Paging['quiet'][number][] = []) => {
  const [hours = '', days = 'mon-sun', ...more] = text.trim().split(/ +/).reverse();
  const [begins, ends] = hoursIn(hours) ?? [];
  const on = daysIn(days);
  if (more.length > 0 || !begins || !ends || !on)
    throw new InvalidArgumentError(
      'Give quiet hours like "mon-fri 22:00-06:00", "sat,sun 00:00-23:59" or "22:00-06:00".',
    );
  return [...before, { days: on, begins, ends }];
};

const linesOf = (paging: Paging): string[] => {
  const { quiet, time_zone, critical_pierces, at_most, within_seconds, escalate_after_seconds, steps } =
    paging;
  const lines = [
    ...quiet.map(
      (hours) => `quiet     ${hours.begins} to ${hours.ends} ${time_zone}, ${wordsOfDays(hours.days)}`,
    ),
    ...(quiet.length > 0 && critical_pierces ? ['          critical alerts are sent nevertheless'] : []),
    ...(at_most === null ? [] : [`rate      ${at_most} messages an endpoint within ${within_seconds} s`]),
    ...steps.map(
      (step, index) =>
        `escalate  to ${step} after ${(index + 1) * (escalate_after_seconds ?? 0)} s without an acknowledgement`,
    ),
  ];
  return lines.length > 0 ? lines : ['every alert is sent at once'];
};
