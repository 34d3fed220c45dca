import { z } from 'zod';
import { count, id, text, time } from './fields.ts';

const amount = z.number().min(0);

const task = z
  .strictObject({
    task: text,
    enabled: z.boolean().meta({ description: 'Whether new events are handed to it.' }),
    paused_at: time.nullable(),
    done_last_minute: count,
    rate_1m: amount.meta({ description: 'Events a second, over the last minute.' }),
    rate_10m: amount.meta({ description: 'Events a second, over the last ten minutes.' }),
    waiting: count.meta({ description: 'Events that nobody has begun.' }),
    running: count.meta({ description: 'Events that a worker has in hand.' }),
    oldest_seconds: amount
      .nullable()
      .meta({ description: 'How long ago the oldest waiting event was written.' }),
    p50_ms: amount.nullable().meta({ description: 'Of the last ten minutes.' }),
    p95_ms: amount.nullable().meta({ description: 'Of the last ten minutes.' }),
    retries: count.meta({ description: 'Events that have failed and wait to be tried again.' }),
    dead_letters: count.meta({ description: 'Of the latest thousand dead letters, those of this task.' }),
  })
  .meta({ id: 'TaskState' });

const worker = z
  .strictObject({
    id,
    state: z.enum(['alive', 'silent', 'lost']).meta({
      description: 'silent: its heartbeat is late. lost: it was given up within the last hour.',
    }),
    host: text,
    pid: z.int(),
    version: text,
    concurrency: count.meta({ description: 'Batches at a time; 0: it only serves the API.' }),
    tasks: z.array(text),
    started_at: time,
    last_seen: time,
    running: count.meta({ description: 'Events that it has in hand.' }),
  })
  .meta({ id: 'WorkerState' });

const holder = z
  .strictObject({
    subject: text.meta({ description: 'Which session, prepared transaction or replication slot.' }),
    since: time.nullable(),
    transactions: count.meta({ description: 'How many transactions ago its snapshot was taken.' }),
    found: text,
    remedy: text,
  })
  .meta({ id: 'VacuumHolder' });

const alarm = z
  .strictObject({
    id,
    kind: z.enum(['camera.silent', 'backlog.old', 'worker.lost', 'vacuum.held']),
    subject: text.meta({ description: 'The id of a camera or worker, a task, or a session.' }),
    since: time,
    details: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'Alarm' });

export const pipelineReport = z
  .strictObject({
    tasks: z.array(task),
    workers: z.array(worker),
    vacuum: z.array(holder),
    alarms: z.array(alarm),
  })
  .meta({ id: 'Pipeline' });
