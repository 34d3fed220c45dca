import { CompiledQuery, type Transaction } from 'kysely';
import { type Batch, batchesOf, type ClaimedRow } from '../broker/claims.ts';
import type { DB } from '../database/types.generated.ts';
import type { AnyStage, Call, Finished, Tools } from '../stages/stage.ts';

/** What a transaction of the fence has done. */
export interface Written {
  /** Events that passed the fence: their rows are written, and nobody had done them before. */
  readonly passed: readonly string[];
  /** What these rows have led to, claimed by the worker that wrote them. */
  readonly next: readonly Batch[];
}

/** What one attempt comes to, in the order of the parameters of watchpost.fence(). */
export interface Attempt {
  readonly task: string;
  /** From 1. */
  readonly attempt: number;
  readonly workerId: string;
  readonly elapsedMs: number;
  /** The claim that ends with this; null: there is none, or it goes on. */
  readonly claim: string | null;
  readonly outcomes: readonly {
    readonly event_id: string;
    readonly outcome: 'done' | 'retry' | 'failed';
    readonly code: string | null;
    readonly error: string | null;
  }[];
}

const fence = 'watchpost.fence($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)';

const parametersOf = ({ task, attempt, workerId, elapsedMs, claim, outcomes }: Attempt, goesOn: boolean) => [
  task,
  attempt,
  workerId,
  elapsedMs,
  outcomes.map((one) => one.event_id),
  outcomes.map((one) => one.outcome),
  outcomes.map((one) => one.code),
  outcomes.map((one) => one.error),
  claim,
  goesOn,
];

const placeholders = (first: number, count: number): string =>
  Array.from({ length: count }, (_, index) => `$${first + index}`).join(', ');

/**
 * Records outcomes and writes the rows of `done`, both or neither.
 *
 * @param goesOn whether this worker claims what it writes; else it leaves that to others.
 */
export const writeFenced = async (
  stage: AnyStage,
  attempt: Attempt,
  done: readonly Finished<object, unknown>[],
  goesOn: boolean,
  tools: Tools,
): Promise<Written> => {
  const { write } = stage;
  const parameters = parametersOf(attempt, goesOn);
  if (done.length === 0 || typeof write !== 'function') {
    return writeAtOnce(stage, write as Call<object, unknown>, parameters, done, tools);
  }
  return tools.database.db.transaction().execute(async (trx) => {
    const { rows } = await trx.executeQuery<{ passed: string[] }>(
      CompiledQuery.raw(`select ${fence} as passed`, parameters),
    );
    const passed = rows[0]?.passed ?? [];
    const isPassed = new Set(passed);
    const finished = done.filter((one) => isPassed.has(one.item.event_id));
    if (finished.length > 0) await write(trx, finished, tools);
    if (!goesOn || finished.length === 0) return { passed, next: [] };
    const claimed = await trx.executeQuery<ClaimedRow>(
      CompiledQuery.raw('select * from watchpost.claimed_here($1, 0)', [attempt.workerId]),
    );
    return { passed, next: batchesOf(claimed.rows) };
  });
};

/** Fence, rows and claims in one statement, which a session plans once. */
const writeAtOnce = async (
  stage: AnyStage,
  { call, parameters: rowsOf }: Call<object, unknown>,
  fenceParameters: readonly unknown[],
  done: readonly Finished<object, unknown>[],
  tools: Tools,
): Promise<Written> => {
  const { pool } = tools.database;
  if (done.length === 0) {
    const { rows } = await pool.query<{ passed: string[] }>({
      name: 'watchpost-fence',
      text: `select ${fence} as passed`,
      values: [...fenceParameters],
    });
    return { passed: rows[0]?.passed ?? [], next: [] };
  }
  const values = rowsOf(done, tools);
  const { rows } = await pool.query<{ passed: string[] } & (ClaimedRow | { id: null })>({
    name: `watchpost-${stage.task}`,
    // LATERAL fixes the order: the rows are those that have passed, and what they led to is there when they are written.
    text: `
      select f.passed, c.*
      from (select ${fence} as passed offset 0) as f
      cross join lateral ${call}(f.passed, ${placeholders(fenceParameters.length + 1, values.length)}) as w (written)
      left join lateral watchpost.claimed_here($3, w.written) as c on true`,
    values: [...fenceParameters, ...values],
  });
  return {
    passed: rows[0]?.passed ?? [],
    next: batchesOf(rows.filter((row): row is { passed: string[] } & ClaimedRow => row.id !== null)),
  };
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
  const values = write.parameters(finished, tools);
  await trx.executeQuery(
    CompiledQuery.raw(`select ${write.call}($1, ${placeholders(2, values.length)})`, [
      finished.map(({ item }) => item.event_id),
      ...values,
    ]),
  );
};
