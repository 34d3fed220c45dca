import { CompiledQuery, type Transaction } from 'kysely';
import type { DB } from '../database/types.generated.ts';
import type { AnyStage, Finished, Insertion, Tools } from '../stages/stage.ts';

/**
 * A call of watchpost.fence() with parameters from $`first` on: its arguments, and then what becomes of the events of this
 * transaction.
 */
const fenceCall = (first: number): string => {
  const types = ['text', 'integer', 'uuid', 'float8', 'uuid[]', 'text[]', 'text[]', 'text[]'];
  const call = `watchpost.fence(${types.map((type, i) => `$${first + i}::${type}`).join(', ')})`;
  const setting = `set_config('watchpost.hand_over', $${first + types.length}::text, true)`;
  return `(select ${setting} offset 0) as setting cross join lateral ${call}`;
};

/** Postgres leaves out what is not asked for, unless it writes. */
const callOf = ({ called }: Insertion<object, unknown>): string =>
  called ? `where (select count(*) from ${called}) >= 0` : '';

/**
 * Records outcomes and writes the rows of `done`, both or neither.
 *
 * @param fence the arguments of watchpost.fence().
 * @param handOver what becomes of the events of these rows: the setting watchpost.hand_over, see sql/2-broker/outbox.sql.
 * @returns the events that passed the fence.
 */
export const writeFenced = async (
  stage: AnyStage,
  fence: readonly unknown[],
  handOver: string,
  done: readonly Finished<object, unknown>[],
  tools: Tools,
): Promise<string[]> => {
  const { database } = tools;
  const { write } = stage;
  if (typeof write !== 'function' && done.length > 0) {
    const { rows } = await database.pool.query<{ passed: string }>({
      name: `watchpost-${stage.task}`,
      text: `
        with fenced as materialized (select passed as event_id from ${fenceCall(write.parameters + 1)}),
        ${write.sql}
        select event_id as passed from fenced ${callOf(write)}`,
      values: [...write.values(done, tools), ...fence, handOver],
    });
    return rows.map((row) => row.passed);
  }
  return database.db.transaction().execute(async (trx) => {
    const call = CompiledQuery.raw(`select passed from ${fenceCall(1)}`, [...fence, handOver]);
    const { rows } = await trx.executeQuery<{ passed: string }>(call);
    const passed = new Set(rows.map((row) => row.passed));
    const finished = done.filter((one) => passed.has(one.item.event_id));
    if (finished.length > 0 && typeof write === 'function') await write(trx, finished, tools);
    return [...passed];
  });
};

/** Writes the rows of items of which it is known that they are to be written: those of a replay. */
export const writeRows = async (
  trx: Transaction<DB>,
  stage: AnyStage,
  finished: readonly Finished<object, unknown>[],
  tools: Tools,
): Promise<void> => {
  const { write } = stage;
  if (typeof write === 'function') return write(trx, finished, tools);
  const text = `
    with fenced as (select unnest($${write.parameters + 1}::uuid[]) as event_id),
    ${write.sql}
    select from fenced ${callOf(write)}`;
  const values = [...write.values(finished, tools), finished.map(({ item }) => item.event_id)];
  await trx.executeQuery(CompiledQuery.raw(text, values));
};
