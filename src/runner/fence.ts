import { CompiledQuery, type Transaction } from 'kysely';
import { type Batch, batchesOf, type ClaimedRow } from '../broker/claims.ts';
import type { DB } from '../database/types.generated.ts';
import type { AnyStage, Finished, Tools } from '../stages/stage.ts';

/** What a statement of the fence has done. */
export interface Written {
  /** Events that passed the fence: their rows are written, and nobody had done them before. */
  readonly passed: readonly string[];
  /** What these rows have led to, claimed by the worker that wrote them. */
  readonly next: readonly Batch[];
}

/** One attempt at a batch, as watchpost.fence() records it. */
export interface Attempt {
  readonly task: string;
  /** From 1. */
  readonly attempt: number;
  readonly workerId: string;
  readonly elapsedMs: number;
  /** The claim that ends with this; null: there is none, or it is still needed. */
  readonly claim: string | null;
  readonly outcomes: readonly {
    readonly event_id: string;
    readonly outcome: 'done' | 'gone' | 'refused' | 'retry' | 'failed';
    readonly code: string | null;
    readonly error: string | null;
  }[];
}

/**
 * Records outcomes and writes the rows of `done`, both or neither. Fence, rows, claims and commit are one statement,
 * which a session plans once.
 *
 * @param claimsNext whether this worker claims what its rows lead to; else that is left to any worker.
 */
export const writeFenced = async (
  stage: AnyStage,
  attempt: Attempt,
  done: readonly Finished<object, unknown>[],
  claimsNext: boolean,
  tools: Tools,
): Promise<Written> => {
  const { pool } = tools.database;
  const { write } = stage;
  const fenceValues = fenceParameters(attempt, claimsNext);
  if (done.length === 0) {
    const { rows } = await pool.query<{ passed: string[] | null }>({
      name: 'watchpost-fence',
      text: `select ${passedOf(fence)} as passed`,
      values: fenceValues,
    });
    return { passed: rows[0]?.passed ?? eventsOf(attempt), next: [] };
  }
  const values = write.parameters(done, tools);
  const { rows } = await pool.query<{ passed: string[] | null } & (ClaimedRow | { id: null })>({
    name: `watchpost-${stage.task}`,
    // LATERAL fixes the order: only rows of events that have passed are written, and what these rows lead to is there
    // when claims are read.
    text: `
      select ${passedOf('f.passed')} as passed, c.*
      from (select ${fence} as passed offset 0) as f
      cross join lateral ${write.call}(${['f.passed', ...placeholders(fenceValues.length + 1, values.length)]}) as w (written)
      left join lateral watchpost.claimed_here($3, w.written) as c on true`,
    values: [...fenceValues, ...values],
    ...(write.answerWithinMs && { query_timeout: write.answerWithinMs(done.length) }),
  });
  return {
    passed: rows[0]?.passed ?? eventsOf(attempt),
    next: batchesOf(rows.filter((row): row is { passed: string[] | null } & ClaimedRow => row.id !== null)),
  };
};

/** Writes rows without the fence: those of a replay, whose events are done already. */
export const writeRows = async (
  trx: Transaction<DB>,
  { write }: AnyStage,
  finished: readonly Finished<object, unknown>[],
  tools: Tools,
): Promise<void> => {
  const values = write.parameters(finished, tools);
  await trx.executeQuery(
    CompiledQuery.raw(`select ${write.call}(${placeholders(1, values.length + 1)})`, [
      finished.map(({ item }) => item.event_id),
      ...values,
    ]),
  );
};

const placeholders = (first: number, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `$${first + index}`);

const fence = `watchpost.fence(${placeholders(1, 10)})`;

/** null if all have passed, as they nearly always do: parsing the ids of 500 events would take half as long as the rest. */
const passedOf = (passed: string): string => `nullif(${passed}, $5)`;

const eventsOf = ({ outcomes }: Attempt): string[] => outcomes.map((one) => one.event_id);

const fenceParameters = (
  { task, attempt, workerId, elapsedMs, claim, outcomes }: Attempt,
  claimsNext: boolean,
): unknown[] => {
  const allDone = outcomes.every(({ outcome }) => outcome === 'done');
  return [
    task,
    attempt,
    workerId,
    elapsedMs,
    outcomes.map((one) => one.event_id),
    allDone ? null : outcomes.map((one) => one.outcome),
    allDone ? null : outcomes.map((one) => one.code),
    allDone ? null : outcomes.map((one) => one.error),
    claim,
    claimsNext,
  ];
};
