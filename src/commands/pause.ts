import { CommandError } from '../errors.ts';
import { stageOf, stages } from '../stages/index.ts';
import { connect } from './program/connect.ts';
import { print } from './program/io.ts';
import type { AddCommand } from './program/session.ts';

/** pause, resume: whether workers run the jobs of a task. */
export const pauseCommands: AddCommand = (program, session) => {
  for (const add of [pause, resume]) add(program, session);
};

const tasks = stages.map((stage) => stage.task).join(', ');

const switchTask =
  (verb: 'pause' | 'resume', description: string, outcome: string): AddCommand =>
  (program, session) =>
    program
      .command(verb)
      .description(description)
      .argument('<task>', tasks)
      .action(
        session.action(async (context, task: string) => {
          if (!stageOf(task)) throw new CommandError(`There is no task ${task}: ${tasks}.`);
          const { pool } = await connect(context);
          await pool.query(`select watchpost.${verb}($1)`, [task]);
          print(context.io, `${task} is ${outcome}`, { task, paused: verb === 'pause' });
        }),
      );

const pause = switchTask(
  'pause',
  'Stop all workers from running the jobs of a task',
  'paused: its jobs wait',
);
const resume = switchTask('resume', 'Let workers run the jobs of a task again', 'at work again');
