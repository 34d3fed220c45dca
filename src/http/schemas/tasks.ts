import { z } from 'zod';
import { count, id, page, text, time } from './fields.ts';

const handled = z.strictObject({
  event_id: id,
  outcome: z.enum(['done', 'done_before', 'gone', 'refused', 'failed', 'retry']),
  code: text.optional(),
  error: text.optional(),
});

export const taskReport = z
  .strictObject({
    task: text,
    handled: z.array(handled),
    unknown: z
      .array(z.record(z.string(), z.unknown()))
      .optional()
      .meta({ description: 'Payloads of no event.' }),
  })
  .meta({ id: 'TaskReport' });

const deadLetter = z
  .strictObject({
    id,
    event_id: id,
    topic: text,
    task: text,
    payload: z.record(z.string(), z.unknown()),
    image_id: id.nullable(),
    attempts: count,
    code: text.nullable(),
    error: text.nullable(),
    worker_id: text.nullable(),
    died_at: time,
  })
  .meta({ id: 'DeadLetter' });

export const deadLetterPage = page('dead_letters', deadLetter);

export const replayed = z.strictObject({ replayed: z.boolean() });

export const healthy = z.strictObject({ status: z.literal('ok'), version: text });

export const ready = z.strictObject({
  status: z.literal('ready'),
  version: text,
  models: z.array(text),
  workers: count.meta({ description: 'Workers that are alive.' }),
  waiting: count.meta({ description: 'Photos that nobody has begun to process.' }),
  oldest_seconds: z
    .number()
    .nullable()
    .meta({ description: 'How long ago the oldest of them was received; null: none waits.' }),
  warnings: z.array(text).meta({ description: 'What should be looked at, although photos are taken.' }),
});
