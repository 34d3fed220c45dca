import type { Command } from 'commander';
import { CommandError } from '../../errors.ts';
import { stageOf, stages } from '../../stages/index.ts';
import { isReplayable } from '../../stages/stage.ts';
import { connect } from '../connect.ts';
import { type ReplayOptions, replayCommand } from '../replay.ts';
import { verify } from '../verify.ts';
import { once, stopper } from './context.ts';
import { moment } from './options.ts';

/** replay, pause, resume, verify: what happened, and doing it again. */
export const addRecord = (program: Command): void => {
  program
    .command('replay')
    .description('Run a stage again over what it has done, or put dead letters back to work')
    .option(
      '--task <name>',
      stages
        .filter(isReplayable)
        .map((stage) => stage.task)
        .join(', '),
    )
    .option('--image <id>', 'of one photo')
    .option('--camera <name>', 'of the photos of one camera')
    .option('--since <time>', 'of photos taken at or after this time', moment)
    .option('--until <time>', 'of photos taken before this time', moment)
    .option('--all', 'of every photo')
    .option('--dead-letters', 'put back what was given up (of --task or --image, else all)')
    .option('--dry-run', 'tell what would be gained and lost, and write nothing')
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
      once(async ({ config, log }, options: ReplayOptions) =>
        replayCommand(config, await connect(config, log, stopper), stopper, options),
      ),
    );

  for (const verb of ['pause', 'resume'] as const) {
    program
      .command(verb)
      .description(verb === 'pause' ? 'Let no worker take up a task' : 'Let workers take up a task again')
      .argument('<task>', stages.map((stage) => stage.task).join(', '))
      .action(
        once(async ({ config, log }, task: string) => {
          if (!stageOf(task))
            throw new CommandError(`There is no task ${task}: ${stages.map((s) => s.task).join(', ')}.`);
          const database = await connect(config, log, stopper);
          await database.pool.query(`select watchpost.${verb}($1)`, [task]);
          process.stdout.write(
            `${task} is ${verb === 'pause' ? 'paused: its jobs wait' : 'at work again'}\n`,
          );
          return true;
        }),
      );
  }

  program
    .command('verify')
    .description(
      'Compare the record of events with its seals; not 0 if anything was altered, removed or added',
    )
    .option('--head', 'only print the latest seal, a line to keep where nobody here can change it')
    .option('--against <file or digest>', 'check that a line that was kept is still part of the chain')
    .option('--json', 'print JSON')
    .action(
      once(async ({ config, log }, options: { head?: boolean; against?: string; json?: boolean }) =>
        verify(await connect(config, log, stopper, { max: 2 }), options),
      ),
    );
};
