import { beforeAll, describe, expect, it } from 'vitest';
import { addToWatchlist, addWatchlist } from '../../src/watchlist/registry.ts';
import { cutAt } from '../support/bad-photos.ts';
import type { TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { untilFinal } from '../support/pipeline.ts';
import { type Api, formOf, serve } from './support.ts';

let database: TestDatabase;
let api: Api;
let personId: string;

const enrol = async (bytes: Buffer, face: string) => {
  const { body } = await api.call('POST', `/v1/persons/${personId}/photos`, formOf(bytes, { face }));
  await untilFinal(database, body.image_id);
  return body;
};
const photosOf = async () => (await api.call('GET', `/v1/persons/${personId}`)).body.photos;
const seen = async (bytes: Buffer) => {
  const { body } = await api.call('POST', '/v1/images?camera=gate', bytes, { 'content-type': 'image/jpeg' });
  const status = await untilFinal(database, body.id);
  return { id: body.id as string, status, report: (await api.call('GET', `/v1/images/${body.id}`)).body };
};

beforeAll(async () => {
  ({ database, api } = await serve());
  await database.rows(`insert into watchpost.camera (name, location) values ('gate', 'North gate')`);
  const list = await addWatchlist(database.db, { name: 'wanted' });
  const [ada] = await database.rows(`insert into watchpost.person (name) values ('Ada') returning id`);
  personId = ada.id;
  await addToWatchlist(database.db, list.id, personId);
});

describe('a damaged photo that is to enrol somebody', () => {
  it('is refused if their face is in the missing part, which the message says', async () => {
    const { id } = await enrol(cutAt(0.2, sample(3)), '2');
    const message = expect.stringMatching(/No face.* damaged: \d\d% of the picture could not be decoded/);
    expect(await photosOf()).toMatchObject([{ id, state: 'refused', code: 'face_missing', message }]);
  });

  it('enrols them if their face is in the part that could be decoded, and is marked', async () => {
    const { id } = await enrol(sample(3).subarray(0, -2), '2');
    expect((await photosOf()).at(-1)).toMatchObject({ id, state: 'enrolled', code: null, damaged: true });
    const [row] = await database.rows(
      'select damaged from watchpost.photo_status where person_photo_id = $1',
      [id],
    );
    expect(row).toEqual({ damaged: true });
  });
});

describe('a damaged photo of a camera', () => {
  it('is searched as far as it was decoded, and is marked in SQL and in the report', async () => {
    const { id, status, report } = await seen(cutAt(0.9, sample(1)));
    expect(status).toMatchObject({
      state: 'done',
      code: null,
      faces: 3,
      matches: 1,
      alerts: 1,
      damaged: true,
    });
    expect(report).toMatchObject({ state: 'done', damaged: true, undecoded_share: expect.any(Number) });
    const [row] = await database.rows('select undecoded_share from watchpost.image where id = $1', [id]);
    expect(row.undecoded_share).toBeGreaterThan(0);
    expect(row.undecoded_share).toBeLessThan(0.2);
  });

  it('is marked in the lineage of its alert, and so is the photo that enrolled the person', async () => {
    const { body } = await api.call('GET', '/v1/alerts');
    const { lineage } = (await api.call('GET', `/v1/alerts/${body.alerts[0].id}`)).body;
    expect(lineage).toMatchObject([{ image_damaged: true, reference_image_damaged: true }]);
  });

  it('says so beside having no face', async () => {
    const { status } = await seen(cutAt(0.2, sample(1)));
    expect(status).toMatchObject({ state: 'done', code: 'no_face', faces: 0, damaged: true });
  });

  it('has nothing undecoded if only its end marker is missing; a whole photo is not marked', async () => {
    expect((await seen(sample(1).subarray(0, -2))).report).toMatchObject({
      damaged: true,
      undecoded_share: 0,
    });
    expect((await seen(sample(1))).report).toMatchObject({ damaged: false, undecoded_share: null });
  });
});
