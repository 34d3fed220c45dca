import { type Delivery, handle } from '../../src/runner/handle.ts';
import type { AnyStage, Item, Tools } from '../../src/stages/stage.ts';
import type { TestDatabase } from './database.ts';

const delivery: Delivery = {
  workerId: '00000000-0000-7000-8000-000000000000',
  attempt: 1,
  mayRetry: false,
  redelivered: false,
};

/** Events that a task has not finished, oldest first, as it would get them. */
export const owed = async (database: TestDatabase, task: string): Promise<Item[]> => {
  const rows = await database.rows(
    `select e.id, e.payload from watchpost.event as e
     where $1 = any (e.tasks)
       and not exists (
         select from watchpost.handling as h
         where h.event_id = e.id and h.task = $1 and h.outcome in ('done', 'gone', 'refused', 'failed')
       )
     order by e.id`,
    [task],
  );
  return rows.map(({ id, payload }) => ({ ...payload, event_id: id }));
};

/**
 * Handles all events of some stages, in their order, until none of them is left. What is about a row that is gone, such as
 * a track that was joined with another, ends as gone.
 */
export const drainAll = async (
  stages: readonly AnyStage[],
  tools: Tools & { database: TestDatabase },
): Promise<void> => {
  for (const stage of stages) {
    for (let items = await owed(tools.database, stage.task); items.length > 0; ) {
      const [handled] = await handle(stage, items.slice(0, 1), tools, delivery);
      if (handled?.outcome !== 'done' && handled?.outcome !== 'gone')
        throw new Error(`${stage.task}: ${handled?.code} ${handled?.error}`);
      items = await owed(tools.database, stage.task);
    }
  }
};

/**
 * Handles events as a worker would: calls the stage with each unfinished event, one after the other, until none is left.
 *
 * @param most stops after so many.
 * @returns how many it did.
 */
export const drain = async (
  stage: AnyStage,
  tools: Tools & { database: TestDatabase },
  most = Number.POSITIVE_INFINITY,
): Promise<number> => {
  let done = 0;
  for (;;) {
    const [item] = await owed(tools.database, stage.task);
    if (!item || done >= most) return done;
    const [handled] = await handle(stage, [item], tools, delivery);
    if (handled?.outcome !== 'done') throw new Error(`${stage.task}: ${handled?.code} ${handled?.error}`);
    done++;
  }
};
