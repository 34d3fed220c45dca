import { Option } from 'commander';
import { CommandError } from '../errors.ts';
import { legalBasisNames } from '../legal-bases.ts';
import {
  dropCameraRule,
  findCamera,
  type Purge,
  purge,
  type Retained,
  type RetentionAction,
  type Rule,
  readProcessingDefault,
  readRules,
  retained,
  retentionActions,
  setProcessingDefault,
  setRule,
} from '../watchlist/registry.ts';
import { connect } from './program/connect.ts';
import { deletionProgress, transactions } from './program/deleting.ts';
import { type Io, print, printJson } from './program/io.ts';
import { basisOption, momentOption, purposeOption, searched } from './program/options.ts';
import type { AddCommand } from './program/session.ts';
import { printRows } from './program/table.ts';

/** retention: how long everything is kept, what for, and deleting what is kept no longer. */
export const retentionCommand: AddCommand = (program, session) => {
  const retention = program
    .command('retention')
    .description('How long photos, faces, people and the record are kept, and what for');
  for (const add of [retentionList, retentionSet, retentionRun, retentionDefault]) add(retention, session);
};

const retentionList: AddCommand = (retention, session) =>
  retention
    .command('list')
    .description('The rules, and the default legal basis and purpose')
    .option('--json', 'print JSON')
    .action(
      session.action(async (context, { json }: { json?: boolean }) => {
        const { db } = await connect(context);
        const [rules, byDefault] = [await readRules(db), await readProcessingDefault(db)];
        if (json) return printJson(context.io, { rules, default: byDefault });
        printRows(context.io, rules, {
          none: 'no rule',
          columns: (rule) => ({
            what: rule.relation,
            camera: rule.camera?.name ?? null,
            action: rule.action,
            after: afterWhat(rule),
            purpose: rule.purpose,
          }),
        });
        print(
          context.io,
          `\nlegal basis of people who are added without one: ${byDefault.legal_basis}\npurpose of lists that are added without one: ${byDefault.purpose}`,
        );
      }),
    );

interface SetOptions {
  readonly camera?: string;
  readonly action?: RetentionAction;
  readonly age?: string;
  readonly purpose?: string;
  readonly reset?: boolean;
}

const retentionSet: AddCommand = (retention, session) => {
  const set = retention.command('set').description('Change a rule, or give a camera one of its own');
  set.argument('<what>', `one of ${retained.join(', ')}`, oneOfRetained);
  set
    .option('--age <interval>', 'how long, like "48 hours" or "30 days"')
    .addOption(new Option('--action <word>', 'what becomes of it then').choices([...retentionActions]))
    .option('--purpose <words>', 'what it is kept for', purposeOption)
    .option('--camera <name>', 'of this camera only (image and face)', searched)
    .option('--reset', 'with --camera: the general rule applies to it again')
    .addHelpText(
      'after',
      `
  Examples:
    $ watchpost retention set image --age "7 days"
    $ watchpost retention set image --camera north-gate --age "2 hours"
    $ watchpost retention set person --action review`,
    )
    .action(
      session.action(async (context, what: Retained, { reset, ...options }: SetOptions) => {
        const { db } = await connect(context);
        const camera = options.camera && (await findCamera(db, options.camera, { orRemoved: true }));
        if (reset) {
          if (!camera) throw new CommandError('Say of which camera: --camera.');
          const had = await dropCameraRule(db, what, camera);
          return print(
            context.io,
            had ? `${options.camera} has the general rule` : `${options.camera} had no rule of its own`,
            { what, camera: options.camera, had },
          );
        }
        if (!options.age && !options.action && !options.purpose) {
          throw new CommandError('Say what to change: --age, --action or --purpose.');
        }
        await setRule(db, { ...options, relation: what, camera });
        const rules = await readRules(db);
        const rule = rules.find((one) => one.relation === what && (one.camera?.id ?? '') === (camera ?? ''));
        const whose = options.camera ? ` of ${options.camera}` : '';
        if (rule) print(context.io, `${what}${whose}: ${sentenceOf(rule)}`, rule);
      }),
    );
};

/** People have a time each: the rule's is that of a review where they have none. */
const afterWhat = ({ relation, action, age }: Rule): string | null => {
  if (relation === 'person') return `keep_until; without one, review after ${age}`;
  return action === 'keep' ? null : age;
};

const sentenceOf = (rule: Rule): string =>
  rule.action === 'keep' ? 'keep' : `${rule.action} after ${afterWhat(rule)}`;

const oneOfRetained = (text: string): Retained => {
  const found = retained.find((one) => one === text);
  if (!found)
    throw new CommandError(`${JSON.stringify(text)} has no rule: there are ${retained.join(', ')}.`);
  return found;
};

interface RunOptions {
  readonly dryRun?: boolean;
  readonly at?: string;
  readonly json?: boolean;
}

const retentionRun: AddCommand = (retention, session) =>
  retention
    .command('run')
    .description('Delete what is kept no longer now; workers do so by themselves')
    .option('--dry-run', 'count it, and delete nothing')
    .option('--at <time>', 'with --dry-run: what would be deleted by this time', momentOption)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
  It deletes batch by batch, and rests while photos arrive; if it is interrupted, run it again. Partitions of search,
  access and event are retired by the workers.`,
    )
    .action(
      session.action(async (context, { dryRun = false, at, json }: RunOptions) => {
        if (at && !dryRun)
          throw new CommandError('--at is for --dry-run: what is not due yet is not deleted.');
        const { io } = context;
        const { db } = await connect(context);
        const due = await purge(transactions(db), { at, dry: true });
        const total = Object.values(due).reduce((sum, { deleted }) => sum + deleted, 0);
        const progress = deletionProgress(io, 'rows deleted', total);
        const done = dryRun ? due : await purge(transactions(db), {}, progress.step);
        progress.end();
        if (json) return printJson(io, { dryRun, ...done });
        printPurge(io, done, dryRun);
      }),
    );

/** Why something is held, in words. */
const reasons: Record<string, string> = {
  alert: 'an alert rests on them',
  enrolment: 'they enrol somebody',
  cannot_link: 'somebody has said whom they are not',
  stranger: 'they belong to strangers',
  processing: 'a task is still to be done with them',
  match: 'they matched somebody',
  review: 'somebody has to review them',
};

const printPurge = (io: Io, done: Purge, dry: boolean): void => {
  const names = {
    images: 'photos',
    faces: 'faces of photos that are kept',
    strangers: 'faces of strangers',
    persons: 'people',
  };
  for (const [kind, { deleted, held }] of Object.entries(done)) {
    print(
      io,
      `${deleted} ${names[kind as keyof typeof names]} ${dry ? 'would be deleted' : deleted === 1 ? 'is deleted' : 'are deleted'}`,
    );
    for (const [reason, n] of Object.entries(held)) print(io, `  ${n} kept: ${reasons[reason] ?? reason}`);
  }
};

interface DefaultOptions {
  readonly legalBasis?: string;
  readonly purpose?: string;
}

const retentionDefault: AddCommand = (retention, session) =>
  retention
    .command('default')
    .description('The legal basis of people and the purpose of lists that are added without one')
    .option('--legal-basis <word>', `one of ${legalBasisNames.join(', ')}`, basisOption)
    .option('--purpose <words>', 'what lists are for', purposeOption)
    .action(
      session.action(async (context, { legalBasis, purpose }: DefaultOptions) => {
        const { db } = await connect(context);
        if (legalBasis || purpose) await setProcessingDefault(db, { legal_basis: legalBasis, purpose });
        const now = await readProcessingDefault(db);
        print(context.io, `legal basis ${now.legal_basis}\npurpose     ${now.purpose}`, now);
      }),
    );
