import { type Config, visionOptions } from '../config.ts';
import type { Database } from '../database/pool.ts';
import { CommandError } from '../errors.ts';
import { registerModels } from '../runner/registration.ts';
import { type Replayed, replay } from '../runner/replay.ts';
import { stageOf, stages } from '../stages/index.ts';
import { isReplayable } from '../stages/stage.ts';
import { loadVision } from '../vision/index.ts';
import type { Stopper } from './stop.ts';

/** What `watchpost replay` was told. */
export interface ReplayOptions {
  readonly task?: string;
  readonly image?: string;
  readonly camera?: string;
  readonly since?: string;
  readonly until?: string;
  readonly all?: boolean;
  readonly dryRun?: boolean;
  readonly deadLetters?: boolean;
  readonly json?: boolean;
}

/**
 * `watchpost replay`: runs a stage again over what it has done, or puts dead letters back to work.
 *
 * @returns whether everything that was taken up could be done again.
 */
export const replayCommand = async (
  config: Config,
  database: Database,
  stopper: Stopper,
  options: ReplayOptions,
): Promise<boolean> => {
  if (options.deadLetters) return replayDeadLetters(database, options);
  const stage = stageOf(options.task ?? '');
  if (!stage) {
    const tasks = stages.filter(isReplayable).map((one) => one.task);
    throw new CommandError(`Say which task: --task ${tasks.join(', --task ')}.`);
  }
  if (!isReplayable(stage)) {
    throw new CommandError(
      `${stage.task} can not be run again over what it has done: what was sent was sent. Put back what was given up with --dead-letters --task ${stage.task}.`,
    );
  }
  if (!options.all && !options.image && !options.camera && !options.since && !options.until) {
    throw new CommandError(
      'Say what to replay: --image, --camera, --since, --until, or --all for everything.',
    );
  }
  const cameraId = options.camera
    ? (await database.pool.query<{ id: string }>('select watchpost.find_camera($1) as id', [options.camera]))
        .rows[0]?.id
    : undefined;

  const vision = await loadVision(visionOptions(config));
  stopper.add(() => vision.close());
  if (!options.dryRun) await registerModels(database, vision);
  const result = await replay(
    stage,
    {
      imageId: options.image,
      cameraId,
      since: options.since ? new Date(options.since) : undefined,
      until: options.until ? new Date(options.until) : undefined,
    },
    { database, vision },
    { dryRun: options.dryRun ?? false, onProgress: (sofar) => process.stderr.write(`\r${told(sofar)}`) },
  );
  if (result.events > 0) process.stderr.write('\n');

  if (options.json)
    process.stdout.write(
      `${JSON.stringify({ task: stage.task, dryRun: options.dryRun ?? false, ...result })}\n`,
    );
  else
    process.stdout.write(`${options.dryRun ? 'would replay' : 'replayed'} ${stage.task}: ${told(result)}\n`);
  for (const { event_id, error } of result.failed) process.stderr.write(`  ${event_id}: ${error}\n`);
  return result.failed.length === 0;
};

const told = ({ events, changed, gained, lost, failed }: Replayed): string =>
  `${events} events, ${changed} changed, ${gained} gained, ${lost} lost${failed.length > 0 ? `, ${failed.length} failed` : ''}`;

const replayDeadLetters = async (database: Database, options: ReplayOptions): Promise<boolean> => {
  const { rows } = await database.pool.query<{
    id: string;
    task: string;
    code: string;
    back: boolean | null;
  }>(
    `select d.id, d.task, d.code, case when $3 then null else watchpost.replay(d.id) end as back
     from watchpost.dead_letter as d
     where ($1::text is null or d.task = $1) and ($2::uuid is null or d.image_id = $2)
     order by d.id`,
    [options.task ?? null, options.image ?? null, options.dryRun ?? false],
  );
  const word = options.dryRun ? 'would go back' : 'went back';
  if (options.json)
    process.stdout.write(
      `${JSON.stringify({ deadLetters: rows.length, dryRun: options.dryRun ?? false })}\n`,
    );
  else process.stdout.write(`${rows.length} dead letters ${word} to work\n`);
  return true;
};
