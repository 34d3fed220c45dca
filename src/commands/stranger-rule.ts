import { type Command, InvalidArgumentError, Option } from 'commander';
import { CommandError } from '../errors.ts';
import { cameraNames, readWatchlists } from '../watchlist/registry.ts';
import {
  acknowledgeStrangerAlert,
  readStrangerAlerts,
  reviewStrangerAlert,
  type StrangerDecision,
} from '../watchlist/stranger-alerts.ts';
import {
  addStrangerRule,
  findStrangerRule,
  type Hours,
  readStrangerRule,
  readStrangerRules,
  removeStrangerRule,
  type StrangerRuleFields,
  setStrangerRule,
} from '../watchlist/stranger-rules.ts';
import { connect } from './program/connect.ts';
import { print } from './program/io.ts';
import {
  duration,
  identifier,
  momentOption,
  named,
  positionOption,
  searched,
  severalSearched,
  severities,
  words,
} from './program/options.ts';
import { daysIn, hoursIn, wordsOfDays } from './program/schedule.ts';
import type { AddCommand } from './program/session.ts';
import { showing } from './program/show.ts';
import { siteIfSeveral } from './program/site-column.ts';
import { printRows } from './program/table.ts';

/** stranger-rule: alerts about people who are on no list. */
export const strangerRuleCommand: AddCommand = (program, session) => {
  const rule = program
    .command('stranger-rule')
    .description('Alerts about people who are on no list: somebody unknown, or strangers who return');
  for (const add of [
    ruleAdd,
    ruleList,
    ruleShow,
    ruleSet,
    ruleRemove,
    ruleAlerts,
    ruleAcknowledge,
    ruleConfirm,
    ruleDismiss,
    ruleReopen,
  ])
    add(rule, session);
};

const daysOption = (text: string): number[] | 'every' => {
  if (text === 'every') return text;
  const days = daysIn(text);
  if (days) return days;
  throw new InvalidArgumentError('Give days like mon-fri or mon,wed,sun, or "every".');
};

const hoursOption = (text: string): Hours | 'all' => {
  if (text === 'all') return text;
  const [from, until] = hoursIn(text) ?? [];
  if (from && until && from !== until) return { from, until };
  throw new InvalidArgumentError('Give hours like 22:00-06:00, or "all".');
};

const quality = (text: string): number => {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value <= 100) return value;
  throw new InvalidArgumentError('Give a number from 0 to 100; 3 and more is a good view.');
};

interface FieldOptions {
  readonly severity?: string;
  readonly camera?: string[];
  readonly everywhere?: boolean;
  readonly knownOn?: string[];
  readonly knownOnAny?: boolean;
  readonly days?: number[] | 'every';
  readonly hours?: Hours | 'all';
  readonly timeZone?: string;
  readonly minLooks?: number;
  readonly minQuality?: number;
  readonly wait?: number;
  readonly visits?: number;
  readonly within?: number;
  readonly enabled?: boolean;
}

/** The options that add and set have in common. */
const withFields = (command: Command): Command =>
  command
    .addOption(new Option('--severity <word>', 'how urgent it is (default: warning)').choices(severities))
    .option('--camera <name>', 'at this camera; may be repeated', severalSearched)
    .option('--everywhere', 'at all cameras of its site (default)')
    .option(
      '--known-on <list>',
      'whoever matches on this list is known, and on no other; may be repeated',
      severalSearched,
    )
    .option('--known-on-any', 'whoever matches on any list is known (default)')
    .option('--days <days>', 'like mon-fri or sat,sun; "every" (default)', daysOption)
    .option('--hours <hours>', 'like 22:00-06:00, over midnight; "all" (default)', hoursOption)
    .option('--time-zone <name>', 'of days and hours, like Europe/Vienna (default: UTC)', searched)
    .option('--min-looks <number>', 'good faces of a track at least (default: 3)', positionOption)
    .option('--min-quality <number>', 'of the best one: 3 and more is a good view (default: 0)', quality)
    .option('--wait <duration>', 'how long a track is followed before it is judged (default: 5s)', duration)
    .option('--visits <number>', 'only strangers who have come at least this many times', positionOption)
    .option('--within <duration>', 'the time in which visits are counted (default: 30d)', duration)
    .option('--enabled', 'raise its alerts')
    .option('--no-enabled', 'do not');

const fieldsOf = (options: FieldOptions): StrangerRuleFields => {
  const {
    camera,
    everywhere,
    knownOn,
    knownOnAny,
    days,
    hours,
    timeZone,
    minLooks,
    minQuality,
    wait,
    within,
    ...same
  } = options;
  if ((everywhere && camera) || (knownOnAny && knownOn)) {
    throw new CommandError('Give --everywhere or --camera, and --known-on-any or --known-on.');
  }
  return {
    ...same,
    cameras: everywhere ? null : camera,
    known_on: knownOnAny ? null : knownOn,
    days: days === 'every' ? null : days,
    hours: hours === 'all' ? null : hours,
    time_zone: timeZone,
    min_looks: minLooks,
    min_quality: minQuality,
    wait_seconds: wait,
    within_seconds: within,
  };
};

const ruleAdd: AddCommand = (rule, session) =>
  withFields(rule.command('add').description('Add a rule').argument('<name>', '', named))
    .option('--site <name>', 'the site it belongs to (default: the first one)', searched)
    .action(
      session.action(
        async (context, name: string, { site, ...options }: FieldOptions & { site?: string }) => {
          const { db } = await connect(context);
          const fields = fieldsOf(options);
          const added = await db
            .transaction()
            .execute((trx) => addStrangerRule(trx, { ...fields, name, site }));
          print(context.io, `${added.name}  ${added.id}`, added);
        },
      ),
    );

const ruleList: AddCommand = (rule, session) =>
  rule
    .command('list')
    .description('Every rule')
    .option('--json', 'print JSON')
    .action(
      session.action(async (context, options: { json?: boolean }) => {
        const { db } = await connect(context);
        const found = await readStrangerRules(db);
        printRows(context.io, found, {
          ...options,
          none: 'no rules',
          columns: ({ name, severity, visits, days, hours, time_zone, enabled, site, id }) => ({
            name,
            about: visits === null ? 'everybody unknown' : `strangers on visit ${visits} or later`,
            severity,
            when: [wordsOfDays(days), hours ? `${hours.from}-${hours.until} ${time_zone}` : '']
              .join(' ')
              .trim(),
            enabled,
            ...siteIfSeveral(found, site),
            id,
          }),
        });
      }),
    );

const ruleShow = showing(
  'Show everything that is set of a rule',
  async (db, name) => readStrangerRule(db, await findStrangerRule(db, name)),
  async (rule, db) => ({
    ...rule,
    cameras: (await cameraNames(db, rule.cameras))?.join(', ') ?? 'all',
    known_on:
      rule.known_on === null
        ? 'any'
        : (await readWatchlists(db))
            .flatMap(({ id, name }) => (rule.known_on?.includes(id) ? name : []))
            .join(', '),
    days: wordsOfDays(rule.days),
    hours: rule.hours ? `${rule.hours.from}-${rule.hours.until}` : 'all',
  }),
);

const ruleSet: AddCommand = (rule, session) =>
  withFields(
    rule
      .command('set')
      .description('Change a rule')
      .argument('<name>', 'name or id', searched)
      .option('--rename <name>', '', named),
  ).action(
    session.action(
      async (context, name: string, { rename, ...options }: FieldOptions & { rename?: string }) => {
        const fields = { ...fieldsOf(options), name: rename };
        if (Object.values(fields).every((value) => value === undefined)) {
          throw new CommandError(
            'Say what to change, by one of the options that --help lists, like --hours.',
          );
        }
        const { db } = await connect(context);
        const changed = await db
          .transaction()
          .execute(async (trx) => setStrangerRule(trx, await findStrangerRule(trx, name), fields));
        print(context.io, `${changed.name}  ${changed.id}`, changed);
      },
    ),
  );

const ruleRemove: AddCommand = (rule, session) =>
  rule
    .command('remove')
    .description('Remove a rule with its alerts')
    .argument('<name>', 'name or id', searched)
    .action(
      session.action(async (context, name: string) => {
        const { db } = await connect(context);
        await db
          .transaction()
          .execute(async (trx) => removeStrangerRule(trx, await findStrangerRule(trx, name)));
        print(context.io, `${name} is removed`, { rule: name, done: 'remove' });
      }),
    );

interface AlertsOptions {
  readonly rule?: string;
  readonly since?: string;
  readonly open?: boolean;
  readonly after?: string;
  readonly limit: number;
  readonly json?: boolean;
}

const ruleAlerts: AddCommand = (rule, session) =>
  rule
    .command('alerts')
    .description('The alerts that rules have led to, those seen last first')
    .option('--rule <name>', 'of this rule', searched)
    .option('--since <time>', 'seen since then', momentOption)
    .option('--open', 'only those that nobody has acknowledged')
    .option('--after <id>', 'the next page: those that come after this alert', identifier)
    .option('--limit <number>', 'at most this many', positionOption, 100)
    .option('--json', 'print JSON')
    .action(
      session.action(async (context, { rule: name, since, open, json, ...page }: AlertsOptions) => {
        const { db } = await connect(context);
        const id = name === undefined ? undefined : await findStrangerRule(db, name);
        const found = await readStrangerAlerts(db, { rule: id, since, open }, page);
        printRows(context.io, found, {
          json,
          none: 'no alerts',
          columns: ({ seen_at, kind, rule, camera, visits, acknowledged_by, decision, person, id }) => ({
            ...{ seen_at, kind, rule, camera, visits, acknowledged_by, decision, person, id },
          }),
        });
      }),
    );

const ruleAcknowledge: AddCommand = (rule, session) =>
  rule
    .command('acknowledge')
    .description('Note that an alert was looked at')
    .argument('<id>', 'of the alert', identifier)
    .action(
      session.action(async (context, id: string) => {
        const { db } = await connect(context);
        const alert = await acknowledgeStrangerAlert(db, id);
        print(context.io, `acknowledged by ${alert.acknowledged_by}`, alert);
      }),
    );

/** A decision about an alert. */
const reviewing =
  (verb: string, decision: StrangerDecision, description: string): AddCommand =>
  (rule, session) =>
    rule
      .command(verb)
      .description(description)
      .argument('<id>', 'of the alert', identifier)
      .option('--note <words>', 'why', words)
      .action(
        session.action(async (context, id: string, { note }: { note?: string }) => {
          const { db } = await connect(context);
          const alert = await reviewStrangerAlert(db, id, decision, note);
          print(
            context.io,
            alert.decision === null ? 'open again' : `${alert.decision} by ${alert.decided_by}`,
            alert,
          );
        }),
      );

const ruleConfirm = reviewing(
  'confirm',
  'confirmed',
  'Confirm an alert: it is somebody who should not be there',
);
const ruleDismiss = reviewing('dismiss', 'dismissed', 'Dismiss an alert: it was nothing');
const ruleReopen = reviewing('reopen', 'reopened', 'Make an alert open again');
