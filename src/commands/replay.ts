import type pg from 'pg';
import type { Database } from '../database/pool.ts';
import { CommandError } from '../errors.ts';
import { registerModels } from '../runner/registration.ts';
import { type Replayed, replay } from '../runner/replay.ts';
import { stageOf, stages } from '../stages/index.ts';
import { isReplayable } from '../stages/stage.ts';
import { findCamera } from '../watchlist/registry.ts';
import { connect } from './program/connect.ts';
import { type Io, print, printJson } from './program/io.ts';
import { openVision } from './program/open-vision.ts';
import { identifier, momentOption, searched } from './program/options.ts';
import type { AddCommand, Context } from './program/session.ts';

interface ReplayOptions {
  readonly task?: string;
  readonly image?: string;
  readonly camera?: string;
  readonly since?: string;
  readonly until?: string;
  readonly all?: boolean;
  readonly dryRun?: boolean;
  readonly deadLetters?: boolean;
  readonly refused?: boolean;
  readonly json?: boolean;
}

const replayableTasks = stages.filter(isReplayable).map((stage) => stage.task);

/** replay: a stage again over what it has done, or failed jobs again. */
export const replayCommand: AddCommand = (program, session) =>
  program
    .command('replay')
    .description('Run a stage again over what it has done, or retry dead letters')
    .option('--task <task>', replayableTasks.join(', '))
    .option('--image <id>', 'of one photo', identifier)
    .option('--camera <name>', 'of the photos of one camera', searched)
    .option('--since <time>', 'of photos taken at or after this time', momentOption)
    .option('--until <time>', 'of photos taken before this time', momentOption)
    .option('--all', 'of every photo')
    .option('--dead-letters', 'retry what has failed for good (of --task or --image, else everything)')
    .option('--refused', 'the same for photos that were refused, for example with another model or limit')
    .option('--dry-run', 'print what would be gained and lost, and write nothing')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
  Examples:
    $ watchpost replay --task match --since 2026-11-01T00:00:00Z --dry-run
    $ watchpost replay --task match --camera north-gate
    $ watchpost replay --dead-letters --task detect`,
    )
    .action(
      session.action(async (context, options: ReplayOptions) => {
        const stage = options.deadLetters || options.refused ? undefined : chosenStage(options);
        const database = await connect(context);
        if (stage) return replayStage(context, database, stage, options);
        if (options.deadLetters) await replayGivenUp(context.io, database, 'failed', options);
        if (options.refused) await replayGivenUp(context.io, database, 'refused', options);
        return true;
      }),
    );

/** @throws {CommandError} without a task that can be replayed, or a selection. */
const chosenStage = (options: ReplayOptions) => {
  const stage = stageOf(options.task ?? '');
  if (!stage) throw new CommandError(`Say which task: --task ${replayableTasks.join(', --task ')}.`);
  if (!isReplayable(stage)) {
    throw new CommandError(
      `${stage.task} cannot be run again over what it has done: what was sent was sent. Put back what was given up with --dead-letters --task ${stage.task}.`,
    );
  }
  if (!options.all && !options.image && !options.camera && !options.since && !options.until) {
    throw new CommandError(
      'Say what to replay: --image, --camera, --since, --until, or --all for everything.',
    );
  }
  return stage;
};

/** Returns whether every event could be handled again. */
const replayStage = async (
  context: Context,
  database: Database,
  stage: ReturnType<typeof chosenStage>,
  options: ReplayOptions,
): Promise<boolean> => {
  const { io } = context;
  const cameraId = options.camera
    ? await findCamera(database.db, options.camera, { orRemoved: true })
    : undefined;
  const vision = await openVision(context);
  const dryRun = options.dryRun ?? false;
  if (!dryRun) await registerModels(database, vision);
  const result = await replay(
    stage,
    {
      imageId: options.image,
      cameraId,
      since: options.since ? new Date(options.since) : undefined,
      until: options.until ? new Date(options.until) : undefined,
    },
    { database, vision },
    { dryRun, onProgress: (soFar) => showCount(io, figuresOf(soFar)) },
  );
  if (result.events > 0 && io.stderr.isTTY) io.stderr.write('\n');

  if (options.json) printJson(io, { task: stage.task, dryRun, ...result });
  else print(io, `${dryRun ? 'would replay' : 'replayed'} ${stage.task}: ${figuresOf(result)}`);
  for (const { event_id, error } of result.failed) io.stderr.write(`  ${event_id}: ${error}\n`);
  return result.failed.length === 0;
};

const figuresOf = ({ events, changed, gained, lost, failed }: Replayed): string =>
  `${events} events, ${changed} changed, ${gained} gained, ${lost} lost${failed.length > 0 ? `, ${failed.length} failed` : ''}`;

/** Shows how much is done so far: a line that is overwritten on a terminal, elsewhere one more line. */
const showCount = ({ stderr }: Io, soFar: string): void => {
  stderr.write(stderr.isTTY ? `\r${soFar}` : `${soFar}\n`);
};

/** How many one transaction puts back. */
const atATime = 500;

const replayGivenUp = async (
  io: Io,
  { pool }: Database,
  outcome: 'failed' | 'refused',
  options: ReplayOptions,
): Promise<void> => {
  const dryRun = options.dryRun ?? false;
  const what = outcome === 'failed' ? 'dead letters' : 'refusals';
  let count = 0;
  for (let after: string | null = null; ; ) {
    const { rows }: pg.QueryResult<{ id: string }> = await pool.query(
      `select l.id, case when $3 then null else watchpost.replay(l.id) end as back
       from (
         select g.id
         from watchpost.given_up as g
         where g.outcome = $5 and ($1::text is null or g.task = $1) and ($2::uuid is null or g.image_id = $2)
           and ($4::uuid is null or g.id > $4)
         order by g.id
         limit ${atATime}
       ) as l`,
      [options.task ?? null, options.image ?? null, dryRun, after, outcome],
    );
    count += rows.length;
    if (rows.length < atATime) break;
    after = rows.at(-1)?.id ?? null;
    showCount(io, `${count} ${what}`);
  }
  if (count >= atATime && io.stderr.isTTY) io.stderr.write('\n');
  if (options.json) printJson(io, { [outcome === 'failed' ? 'deadLetters' : 'refusals']: count, dryRun });
  else print(io, `${count} ${what} ${dryRun ? 'would go back' : 'went back'} to work`);
};
