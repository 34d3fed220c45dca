import { setTimeout as sleep } from 'node:timers/promises';
import { InvalidArgumentError } from 'commander';
import {
  type AlarmState,
  type Pipeline,
  readPipeline,
  type TaskState,
  type WorkerState,
} from '../monitoring/pipeline.ts';
import { connect } from './program/connect.ts';
import { type Io, print, printJson } from './program/io.ts';
import type { AddCommand } from './program/session.ts';
import { table, widthOf } from './program/table.ts';

interface Options {
  readonly json?: boolean;
  /** Seconds between two readings. */
  readonly watch?: number | true;
}

/** status: the pipeline at one glance. */
export const statusCommand: AddCommand = (program, session) =>
  program
    .command('status')
    .description('Show how each task stands, the workers, and what holds vacuum back')
    .option('--watch [seconds]', 'show it again and again, every 2 s unless given, until Ctrl-C', secondsOf)
    .option('--json', 'print one JSON object; with --watch one on each line')
    .action(
      session.action(async (context, { json, watch }: Options) => {
        const { db } = await connect(context, { max: 3 });
        const show = async () => {
          const pipeline = await readPipeline(db);
          if (json) printJson(context.io, pipeline);
          else
            print(context.io, clearOf(context.io, watch) + describePipeline(pipeline, widthOf(context.io)));
        };
        await show();
        if (watch === undefined) return;
        const ended = context.untilSignal();
        for (;;) {
          await Promise.race([sleep((watch === true ? 2 : watch) * 1000, undefined, { ref: false }), ended]);
          await show();
        }
      }),
    );

const secondsOf = (text: string): number => {
  const seconds = Number(text);
  if (seconds >= 0.5 && seconds <= 3600) return seconds;
  throw new InvalidArgumentError('Give seconds, from 0.5 to 3600.');
};

/** Clears a terminal before each further reading. */
const clearOf = ({ stdout }: Io, watch: Options['watch']): string =>
  watch !== undefined && stdout.isTTY ? '\x1b[H\x1b[2J' : '';

const describePipeline = (
  { tasks, workers, vacuum, alarms }: Pipeline,
  width: number | undefined,
): string => {
  const held = vacuum.map(({ found, remedy }) => `  ${found}\n  → ${remedy}`);
  return [
    table(tasks.map(taskRow), width),
    workers.length > 0
      ? table(workers.map(workerRow), width)
      : 'No worker is running: start one with "npm run worker".',
    ...(alarms.length > 0 ? [table(alarms.map(alarmRow), width)] : []),
    held.length > 0 ? ['Vacuum is held back:', ...held].join('\n') : 'Vacuum is not held back.',
  ].join('\n\n');
};

const taskRow = (state: TaskState) => ({
  task: state.task,
  'per s': perSecond(state.rate_1m),
  '10 min': perSecond(state.rate_10m),
  waiting: state.waiting,
  oldest: state.oldest_seconds === null ? '' : duration(state.oldest_seconds),
  running: state.running,
  'p50 ms': milliseconds(state.p50_ms),
  'p95 ms': milliseconds(state.p95_ms),
  retries: state.retries,
  dead: state.dead_letters,
  note: noteOf(state),
});

/** Whole from 10 ms on: nobody compares tenths of them. */
const milliseconds = (ms: number | null): number | null => ms && Number(ms.toFixed(ms < 10 ? 1 : 0));

const perSecond = (rate: number): number => Number(rate.toFixed(rate < 10 ? 2 : 0));

const noteOf = ({ paused_at, enabled }: TaskState): string => {
  if (paused_at) return `paused since ${paused_at.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
  return enabled ? '' : 'off';
};

const workerRow = (worker: WorkerState) => ({
  worker: `${worker.host}:${worker.pid}`,
  state: worker.state,
  serves: worker.concurrency === 0 ? 'API only' : `${worker.concurrency} at a time`,
  running: worker.running,
  version: worker.version,
  'up for': duration((Date.now() - worker.started_at.getTime()) / 1000),
  heartbeat: `${duration((Date.now() - worker.last_seen.getTime()) / 1000)} ago`,
});

const alarmRow = ({ kind, since, subject, details }: AlarmState) => ({
  alarm: kind,
  for: duration((Date.now() - since.getTime()) / 1000),
  about: String(details.camera ?? details.task ?? details.host ?? subject),
});

/** Seconds in one or two units, like 3 min 5 s. */
const duration = (seconds: number): string => {
  const whole = Math.max(0, Math.round(seconds));
  const units: [number, string][] = [
    [86_400, 'd'],
    [3600, 'h'],
    [60, 'min'],
    [1, 's'],
  ];
  const at = units.findIndex(([size]) => whole >= size);
  if (at === -1) return '0 s';
  const [large, unit] = units[at] as [number, string];
  const [small, smallUnit] = units[at + 1] ?? [1, ''];
  const rest = Math.floor((whole % large) / small);
  return `${Math.floor(whole / large)} ${unit}${rest > 0 && smallUnit ? ` ${rest} ${smallUnit}` : ''}`;
};
