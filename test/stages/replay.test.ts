import { beforeAll, describe, expect, it } from 'vitest';
import { replay } from '../../src/runner/replay.ts';
import { stageOf } from '../../src/stages/index.ts';
import type { PipelineStage, Tools } from '../../src/stages/stage.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { enrolAda, realVision, runWorker, submit, untilFinal } from '../support/pipeline.ts';

describe('replaying a stage', () => {
  let database: TestDatabase;
  let tools: Tools;
  let ada: Awaited<ReturnType<typeof enrolAda>>;
  let imageId: string;
  const again = (task: string, dryRun = false) =>
    replay(stageOf(task) as PipelineStage, { imageId }, tools, { dryRun });
  const setThreshold = (threshold: number) =>
    database.rows('update watchpost.watchlist set threshold = $1 where id = $2', [
      threshold,
      ada.watchlistId,
    ]);
  const written = async () =>
    database.rows(
      `select (select count(*) from watchpost.face) as faces, (select count(*) from watchpost.embedding) as embeddings,
              (select count(*) from watchpost.search) as searches, (select count(*) from watchpost.match) as matches,
              (select count(*) from watchpost.alert) as alerts, (select count(*) from watchpost.event) as events`,
    );

  beforeAll(async () => {
    database = await freshDatabase();
    const vision = await realVision();
    await runWorker(database, vision);
    tools = { database, vision };
    ada = await enrolAda(database);
    imageId = await submit(database, sample(1));
    await untilFinal(database, imageId);
  });

  it.each(['detect', 'embed', 'match', 'alert'])(
    '%s finds the same again and writes nothing',
    async (task) => {
      const before = await written();
      const result = await again(task);
      expect(result).toMatchObject({ changed: 0, gained: 0, lost: 0, failed: [] });
      expect(result.events).toBeGreaterThan(0);
      expect(await written()).toEqual(before);
    },
  );

  it('reports what would be lost before anything is written', async () => {
    await setThreshold(0.9);
    const before = await written();
    expect(await again('match', true)).toMatchObject({ events: 3, changed: 1, gained: 0, lost: 1 });
    expect(await written()).toEqual(before);
  });

  it('marks what it replaces, withdraws the alert, and changes nothing the second time', async () => {
    expect(await again('match')).toMatchObject({ changed: 1, lost: 1 });
    expect(await database.rows('select * from watchpost.sighting')).toEqual([]);
    const [alert] = await database.rows('select withdrawn_at from watchpost.alert');
    expect(alert.withdrawn_at).toBeInstanceOf(Date);
    const kept = await database.rows('select superseded_at from watchpost.match');
    expect(kept).toEqual([{ superseded_at: expect.any(Date) }]);
    const before = await written();
    expect(await again('match')).toMatchObject({ changed: 0, gained: 0, lost: 0 });
    expect(await written()).toEqual(before);
  });

  it('is followed by the later stages', async () => {
    await setThreshold(0.45);
    expect(await again('match')).toMatchObject({ changed: 1, gained: 1, lost: 0 });
    await untilFinal(database, imageId);
    expect(await database.rows('select person, image_id from watchpost.sighting')).toEqual([
      { person: 'Ada', image_id: imageId },
    ]);
    expect(await database.rows('select sightings from watchpost.alert where withdrawn_at is null')).toEqual([
      { sightings: 1 },
    ]);
  });

  it('finds a lost face again', async () => {
    await database.rows('delete from watchpost.face where image_id = $1 and ordinal = 3', [imageId]);
    expect(await again('detect', true)).toMatchObject({ events: 1, changed: 1, gained: 1, lost: 0 });
    expect(await again('detect')).toMatchObject({ changed: 1, gained: 1 });
    await untilFinal(database, imageId);
    expect(
      await database.rows(
        'select ordinal from watchpost.face where image_id = $1 and superseded_at is null order by ordinal',
        [imageId],
      ),
    ).toEqual([{ ordinal: 1 }, { ordinal: 2 }, { ordinal: 3 }]);
    expect(await database.rows('select person from watchpost.sighting')).toEqual([{ person: 'Ada' }]);
  });

  it('violates no invariant', async () => {
    expect(await database.rows('select * from watchpost.invariant')).toEqual([]);
  });
});
