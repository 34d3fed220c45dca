import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { enrolAda, realVision, runWorker, submit, untilFinal } from '../support/pipeline.ts';
import { sealAll } from '../support/record.ts';

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

describe('lineage of an alert', () => {
  let database: TestDatabase;
  let ada: Awaited<ReturnType<typeof enrolAda>>;
  let image: string;

  beforeAll(async () => {
    database = await freshDatabase();
    const vision = await realVision();
    await runWorker(database, vision);
    await database.rows(`insert into watchpost.camera (name, location) values ('gate', 'North gate')`);
    ada = await enrolAda(database);
    image = await submit(database, sample(1), 'gate');
    await untilFinal(database, image);
    await database.rows(`update watchpost.watchlist set threshold = 0.9`);
  });

  it('shows in one query everything that led to an alert, with the threshold of that time', async () => {
    const [{ id }] = (await database.rows('select id from watchpost.alert')) as [{ id: string }];
    const rows = await database.rows('select * from watchpost.lineage($1)', [id]);
    const [face] = await database.rows(
      'select f.* from watchpost.face as f join watchpost.match as m on m.face_id = f.id',
    );
    const models = await database.rows('select id, sha256 from watchpost.model');
    const sha256Of = (model: string) => models.find((row) => row.id === model).sha256;
    const [match] = await database.rows('select * from watchpost.match');
    expect(rows).toEqual([
      {
        alert_id: id,
        alert_state: 'open',
        raised_at: expect.any(Date),
        match_id: match.id,
        best: true,
        matched_at: match.created_at,
        similarity: match.similarity,
        retroactive: false,
        watchlist: expect.stringMatching(/^list/),
        // One version when the list was added, one when Ada was added to it.
        watchlist_version: 2,
        threshold: 0.5,
        search_id: match.search_id,
        searched_at: expect.any(Date),
        method: 'exact',
        reference_similarity: expect.closeTo(match.similarity, 3),
        person_id: ada.personId,
        person: 'Ada',
        reference_id: match.reference_id,
        reference_image_id: ada.imageId,
        reference_image_sha256: sha256(sample(3)),
        reference_face: 2,
        reference_face_id: expect.any(String),
        enrolled_at: expect.any(Date),
        enrolled_by: 'postgres',
        embedding_id: expect.any(String),
        model_id: expect.any(String),
        model_sha256: sha256Of(rows[0].model_id),
        face_id: face.id,
        detector_id: face.detector_id,
        detector_sha256: sha256Of(face.detector_id),
        box_x: face.box_x,
        box_y: face.box_y,
        box_width: face.box_width,
        box_height: face.box_height,
        image_id: image,
        image_sha256: sha256(sample(1)),
        image_rotation: 0,
        image_damaged: false,
        reference_image_damaged: false,
        ...{ track_id: null, seen_at: expect.any(Date), seen_until: expect.any(Date), faces: 1 },
        captured_at: expect.any(Date),
        received_at: expect.any(Date),
        submitted_by: 'postgres',
        camera: 'gate',
        location: 'North gate',
      },
    ]);
  });

  it('is what the example returns', async () => {
    const example = await readFile(
      new URL('../../sql/examples/lineage-of-an-alert.sql', import.meta.url),
      'utf8',
    );
    expect(await database.rows(example)).toMatchObject([{ person: 'Ada', image_id: image }]);
  });

  it('still returns everything but the search when searches are not kept', async () => {
    await database.rows('delete from watchpost.search');
    const rows = await database.rows('select l.* from watchpost.alert as a, watchpost.lineage(a.id) as l');
    expect(rows).toMatchObject([{ person: 'Ada', searched_at: null, image_id: image }]);
    expect(rows[0].model_sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  it('is part of a record that the worker seals and that verifies', async () => {
    await sealAll(database);
    expect(await database.rows('select * from watchpost.verify_audit()')).toEqual([]);
    const [extent] = await database.rows(`select sum(row_count)::int as rows from watchpost.seal`);
    const [there] = await database.rows(
      'select ((select count(*) from watchpost.event) + (select count(*) from watchpost.handling))::int as rows',
    );
    expect(extent).toEqual(there);
    expect(there.rows).toBeGreaterThan(20);
  });
});
