import { type Kysely, sql } from 'kysely';
import type { DB } from '../database/types.generated.ts';
import type { Difference, Finished, Item, PipelineStage, Tools } from '../stages/stage.ts';
import { writeRows } from './fence.ts';

/** Which events a replay takes: those of one image, one camera, a time range, or all. */
interface Selection {
  readonly imageId?: string | undefined;
  /** The camera's id. */
  readonly cameraId?: string | undefined;
  /** Of the photo's captured_at. */
  readonly since?: Date | undefined;
  readonly until?: Date | undefined;
}

/** What a replay found, or did. */
export interface Replayed {
  /** Events that were compared. */
  readonly events: number;
  /** Events whose rows are, or would be, replaced. */
  readonly changed: number;
  /** Results that are new, and that are gone: faces, embeddings, matches or references. */
  readonly gained: number;
  readonly lost: number;
  /** Events for which the stage failed, with the reason. */
  readonly failed: readonly { readonly event_id: string; readonly error: string }[];
}

/**
 * The least number of events in a batch: a batch of photos takes a few seconds. Events of one photo are always in the
 * same batch, because its faces are ranked together: each person is in it once.
 */
const batchSize = 32;

/**
 * Runs a stage again over events that it has done, and compares the results with the current rows. Where they differ, the
 * old rows are marked as superseded and new ones are written, in one transaction for each batch. New rows emit events as
 * always, so the later stages follow. Where they do not differ nothing is written: a second replay changes nothing, and
 * one that was interrupted can be run again.
 *
 * @param options.dryRun compares and counts, and writes nothing.
 * @param options.onProgress called after each batch.
 */
export const replay = async (
  stage: PipelineStage,
  selection: Selection,
  tools: Tools,
  options: { dryRun: boolean; onProgress?: (sofar: Replayed) => void },
): Promise<Replayed> => {
  let sum: Replayed = { events: 0, changed: 0, gained: 0, lost: 0, failed: [] };
  for (let after: string | undefined; ; ) {
    const { items, last } = await readDone(tools.database.db, stage.task, selection, after);
    if (items.length === 0) return sum;
    after = last;
    sum = add(sum, await replayBatch(stage, items, tools, options.dryRun));
    options.onProgress?.(sum);
  }
};

/**
 * The events of the next photos of the selection that the task has done and whose subject still stands. Photo by photo, by
 * their keys and the index of their events: a join of all photos with all events would read both to their end, for each
 * batch.
 */
const readDone = async (
  db: Kysely<DB>,
  task: string,
  selection: Selection,
  after: string | undefined,
): Promise<{ items: Item[]; last: string | undefined }> => {
  const { imageId, cameraId, since, until } = selection;
  const chosen = [
    ...(after === undefined ? [] : [sql`i.id > ${after}::uuid`]),
    ...(imageId === undefined ? [] : [sql`i.id = ${imageId}::uuid`]),
    ...(cameraId === undefined ? [] : [sql`i.camera_id = ${cameraId}::uuid`]),
    ...(since === undefined ? [] : [sql`i.captured_at >= ${since}::timestamptz`]),
    ...(until === undefined ? [] : [sql`i.captured_at < ${until}::timestamptz`]),
  ];
  const { rows } = await sql<{ event_id: string; image_id: string; payload: object }>`
    select e.id as event_id, i.id as image_id, e.payload
    from watchpost.image as i
    cross join lateral (
      select e.id, e.payload
      from watchpost.event as e
      where e.image_id = i.id
        and ${task} = any (e.tasks)
        and exists (
          select from watchpost.handling as h where h.event_id = e.id and h.task = ${task} and h.outcome = 'done'
        )
        and not exists (select from watchpost.face as f where f.id = e.subject_id and f.superseded_at is not null)
        and not exists (select from watchpost.embedding as v where v.id = e.subject_id and v.superseded_at is not null)
        and not exists (select from watchpost.match as m where m.id = e.subject_id and m.superseded_at is not null)
        -- A track is searched through the face that stands for it, of which there is an event each time it has got better.
        and (
          e.topic not in ('track.begun', 'track.improved')
          or exists (select from watchpost.track as t where t.face_id = (e.payload ->> 'face_id')::uuid)
            and not exists (
              select
              from watchpost.event as l
              join watchpost.handling as h on h.event_id = l.id and h.task = ${task} and h.outcome = 'done'
              where l.subject_id = e.subject_id and l.topic in ('track.begun', 'track.improved') and l.id > e.id
            )
        )
        and not exists (
          select
          from watchpost.person_photo as p
          where p.id = (e.payload ->> 'person_photo_id')::uuid and p.removed_at is not null
        )
      offset 0
    ) as e
    where ${chosen.length > 0 ? sql.join(chosen, sql` and `) : sql`true`}
    order by i.id
    fetch first ${sql.lit(batchSize)} rows with ties
  `.execute(db);
  return {
    items: rows.map(({ event_id, payload }) => ({ event_id, ...payload })),
    last: rows.at(-1)?.image_id,
  };
};

const replayBatch = async (
  stage: PipelineStage,
  items: readonly Item[],
  tools: Tools,
  dryRun: boolean,
): Promise<Replayed> => {
  const results = await stage.work(items, tools);
  const finished: Finished<object, unknown>[] = [];
  const failed: { event_id: string; error: string }[] = [];
  results.forEach((result, index) => {
    const item = items[index] as Item;
    if (result.status === 'fulfilled') finished.push({ item, result: result.value });
    else failed.push({ event_id: item.event_id, error: String(result.reason?.message ?? result.reason) });
  });

  const differences = dryRun
    ? await stage.compare(tools.database.db, finished, tools)
    : await tools.database.db.transaction().execute(async (trx) => {
        // A second replay of the same stage waits here, and then finds that nothing differs.
        await sql`select pg_advisory_xact_lock(hashtext('watchpost.replay'), hashtext(${stage.task}))`.execute(
          trx,
        );
        const found = await stage.compare(trx, finished, tools);
        const differing = finished.filter((_, index) => !found[index]?.same);
        if (differing.length > 0) {
          await stage.supersede(
            trx,
            differing.map((one) => one.item),
          );
          await writeRows(trx, stage, differing, tools);
        }
        return found;
      });
  return { events: items.length, ...tally(differences), failed };
};

const tally = (differences: readonly Difference[]) => ({
  changed: differences.filter((one) => !one.same).length,
  gained: differences.reduce((sum, one) => sum + one.gained, 0),
  lost: differences.reduce((sum, one) => sum + one.lost, 0),
});

const add = (a: Replayed, b: Replayed): Replayed => ({
  events: a.events + b.events,
  changed: a.changed + b.changed,
  gained: a.gained + b.gained,
  lost: a.lost + b.lost,
  failed: [...a.failed, ...b.failed],
});
