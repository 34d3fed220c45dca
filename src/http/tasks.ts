import { Hono } from 'hono';
import { createFactory } from 'hono/factory';
import { sql } from 'kysely';
import { z } from 'zod';
import { WatchpostError } from '../errors.ts';
import { limits } from '../limits.ts';
import { assertSeesAll } from '../monitoring/pipeline.ts';
import { type Handled, handle } from '../runner/handle.ts';
import { stageOf, stages } from '../stages/index.ts';
import type { AnyStage, Item } from '../stages/stage.ts';
import { asCaller } from './as-caller.ts';
import { operation } from './operation.ts';
import { taskReport } from './schemas/tasks.ts';
import type { Served, Services } from './services.ts';

const payload = z.looseObject({ image_id: z.guid(), event_id: z.guid().optional() });
const expected = `give the payload of an event, which has an image_id, or a list of up to ${limits.listItems.max} of them`;
const oneOrMany = z.union(
  [payload, z.array(payload).min(1, expected).max(limits.listItems.max, expected)],
  expected,
);

/** @throws {WatchpostError} task_unknown. */
const knownStage = (task: string): AnyStage => {
  const stage = stageOf(task);
  if (stage) return stage;
  const known = stages.map((one) => one.task).join(', ');
  throw new WatchpostError('task_unknown', `There is no task ${task}.`, { hint: `Tasks: ${known}.` });
};

/** The handlers that let all workers leave a task alone, or take it up again. */
const switching = (verb: 'pause' | 'resume', summary: string) =>
  createFactory<Served>().createHandlers(
    operation({
      summary,
      description: 'For keys that see all sites.',
      scope: 'administer',
      answers: { 204: null },
      errors: ['task_unknown', 'site_limited'],
    }),
    async (c) => {
      const { task } = knownStage(c.req.param('task') ?? '');
      await asCaller(c, async (trx) => {
        await assertSeesAll(trx);
        await sql`select ${sql.id('watchpost', verb)}(${task})`.execute(trx);
      });
      return c.body(null, 204);
    },
  );

/**
 * POST /v1/tasks/{task}/pause and /resume: whether workers run a task. POST /v1/tasks/{task} runs a stage in this process, for the events that contain the given payloads. It writes what a
 * worker would have written, and leaves events that are done as they are. Of a list, payloads of no event are named in
 * the answer, as "unknown".
 */
export const tasks = ({ database, vision, workerId }: Services) =>
  new Hono<Served>()
    .post('/:task/pause', ...switching('pause', 'Pause a task: its events wait until it is resumed'))
    .post('/:task/resume', ...switching('resume', 'Resume a task'))
    .post(
      '/:task',
      operation({
        summary: 'Run a task in this process, for the events that contain the given payloads',
        scope: 'administer',
        body: oneOrMany,
        bodyBytes: limits.tasksBytes.max,
        answers: { 200: taskReport },
        errors: ['task_unknown', 'event_unknown'],
      }),
      async (c) => {
        const task = c.req.param('task');
        const stage = knownStage(task);
        const payloads = [c.req.valid('json')].flat();
        const { rows } = await sql<{ event_id: string; payload: object; ended: boolean; places: number[] }>`
      select e.id as event_id, e.payload, array_agg(asked.place::integer) as places,
        exists (select from watchpost.ended_task as d where d.event_id = e.id and d.task = ${task}) as ended
      from jsonb_array_elements(${JSON.stringify(payloads)}::jsonb) with ordinality as asked (payload, place)
      join watchpost.event as e
        on e.image_id = (asked.payload ->> 'image_id')::uuid
        and e.payload @> asked.payload - 'event_id'
        and (asked.payload ->> 'event_id' is null or e.id = (asked.payload ->> 'event_id')::uuid)
        and ${task} = any (e.tasks)
      group by e.id, e.payload
      order by e.id
    `.execute(c.get('db'));
        if (rows.length === 0) {
          throw new WatchpostError('event_unknown', `No event with this payload was given to ${task}.`);
        }
        const handled: Handled[] = [];
        for (const ended of [false, true]) {
          const items: Item[] = rows
            .filter((row) => row.ended === ended)
            .map(({ event_id, payload }) => ({ event_id, ...payload }));
          // What waits is tried again by a worker. A dead letter is not, so it stays one.
          const delivery = { workerId, attempt: 1, mayRetry: !ended, redelivered: true };
          handled.push(...(await handle(stage, items, { database, vision }, delivery)));
        }
        const known = new Set(rows.flatMap((row) => row.places));
        const unknown = payloads.filter((_, index) => !known.has(index + 1));
        return c.json({ task, handled, ...(unknown.length > 0 ? { unknown } : {}) });
      },
    );
