import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ProblemCode } from '../../src/errors.ts';
import { emptySky } from '../support/bad-photos.ts';
import type { TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { submit, untilFinal } from '../support/pipeline.ts';
import { type Api, expectNothingLeft, expectProblem, formOf, serve } from './support.ts';

let database: TestDatabase;
let api: Api;
let listId: string;

beforeAll(async () => {
  ({ database, api } = await serve());
  const [list] = await database.rows(`insert into watchpost.watchlist (name) values ('wanted') returning id`);
  listId = list.id;
});

const makePerson = async (name: string, more: object = {}): Promise<string> => {
  const { body } = await api.call('POST', '/v1/persons', { name, ...more });
  return body.id;
};

const enrol = (personId: string, bytes: Buffer, fields: Record<string, string> = {}) =>
  api.call('POST', `/v1/persons/${personId}/photos`, formOf(bytes, fields));

const referencesOf = (personId: string) =>
  database.rows('select id from watchpost.reference where person_id = $1', [personId]);

describe('POST /v1/persons', () => {
  it('adds a person, on the given lists', async () => {
    const about = { name: 'Grace', external_ref: 'hr-17', metadata: { height: 1.7, tags: ['navy'] } };
    const answer = await api.call('POST', '/v1/persons', { ...about, watchlists: ['wanted', listId] });
    expect(answer.status).toBe(201);
    expect(answer.body).toMatchObject(about);
    expect(answer.headers.get('location')).toBe(`/v1/persons/${answer.body.id}`);
    const { status, body } = await api.call('GET', `/v1/persons/${answer.body.id}`);
    expect(status).toBe(200);
    expect(body).toEqual({
      ...answer.body,
      watchlists: [{ id: listId, name: 'wanted' }],
      merged: [],
      photos: [],
    });
    expect(
      await database.rows('select watchlist_id from watchpost.watchlist_entry where person_id = $1', [
        body.id,
      ]),
    ).toEqual([{ watchlist_id: listId }]);
  });

  it('refuses a reference that another person has, and says who', async () => {
    const edsger = await makePerson('Edsger', { external_ref: 'hr-18' });
    const answer = await api.call('POST', '/v1/persons', { name: 'Somebody else', external_ref: 'hr-18' });
    expect(expectProblem(answer, 'name_taken').detail).toBe(
      `The external reference "hr-18" is taken: Edsger (${edsger}) has it.`,
    );
  });

  it('refuses an unknown list, names the known ones, and adds no person', async () => {
    const answer = await api.call('POST', '/v1/persons', {
      name: 'Nobody',
      watchlists: ['wanted', 'wnated'],
    });
    expect(expectProblem(answer, 'watchlist_unknown')).toMatchObject({
      detail: 'There is no watchlist "wnated".',
      hint: 'Watchlists: wanted.',
    });
    expect(await database.rows(`select from watchpost.person where name = 'Nobody'`)).toEqual([]);
  });
});

describe('POST /v1/persons/{id}/photos', () => {
  it('enrols the chosen face, and then the person is found in another photo', async () => {
    const ada = await makePerson('Ada', { watchlists: ['wanted'] });
    const answer = await enrol(ada, sample(3), { face: '2' });
    expect(answer.status).toBe(202);
    const { id, image_id, status_url } = answer.body;
    expect(answer.headers.get('location')).toBe(`/v1/images/${image_id}`);
    expect(status_url).toBe(`${api.url}/v1/images/${image_id}`);

    await untilFinal(database, image_id);
    const { body } = await api.call('GET', `/v1/persons/${ada}`);
    expect(body.photos).toEqual([
      {
        id,
        image_id,
        chosen_face: 2,
        state: 'enrolled',
        code: null,
        message: null,
        looks_like: null,
        reference_id: expect.any(String),
        best: true,
        damaged: false,
        face_id: expect.any(String),
        quality: {
          score: expect.closeTo(1, 1),
          height_px: expect.any(Number),
          sharpness: expect.any(Number),
          yaw: expect.any(Number),
          pitch: expect.any(Number),
          roll: expect.any(Number),
          norm: expect.any(Number),
          gate: [],
        },
        accept: [],
        removed_at: null,
        removed_by: null,
      },
    ]);
    expect(await referencesOf(ada)).toEqual([{ id: body.photos[0].reference_id }]);

    const probe = await submit(database, sample(1));
    expect(await untilFinal(database, probe)).toMatchObject({ state: 'done', matches: 1, alerts: 1 });
    const { body: seen } = await api.call('GET', `/v1/images/${probe}`);
    expect(seen.matches).toMatchObject([{ person_id: ada, watchlist: 'wanted' }]);
  });

  it('needs no number where the photo has one face, and accepts raw bytes and JSON too', async () => {
    const portrait = await portraitOfAda();
    const path = `/v1/persons/${await makePerson('Ada again')}/photos`;
    const accept = 'face_of_another';
    const answers = [
      await api.call('POST', `${path}?accept=${accept}`, portrait, { 'content-type': 'image/jpeg' }),
      await api.call('POST', `${path}?face=1&accept=${accept}`, portrait, { 'content-type': 'image/jpeg' }),
      await api.call('POST', path, { image: portrait.toString('base64'), face: 1, accept }),
    ];
    for (const { status, body } of answers) {
      expect(status).toBe(202);
      expect(await untilFinal(database, body.image_id)).toMatchObject({ state: 'done', faces: 1 });
    }
  });

  it.each<[ProblemCode, string, () => Buffer | Promise<Buffer>, Record<string, string>, RegExp]>([
    ['face_missing', 'no face', emptySky, {}, /No face/],
    ['faces_several', 'several faces and none chosen', () => sample(3), {}, /has 3 faces; say which/],
    [
      'face_not_there',
      'fewer faces than the chosen one',
      () => sample(3),
      { face: '4' },
      /Face 4 .* 3 faces/,
    ],
    [
      'face_profile',
      'a face in profile',
      () => sample(2),
      { face: '1' },
      /in profile: turned by \d\d degrees, and at most 40 are allowed\./,
    ],
  ])('refuses with %s a photo with %s, and enrols nobody', async (code, _, make, fields, words) => {
    const person = await makePerson('Refused');
    const { body } = await enrol(person, await make(), fields);
    const message = expect.stringMatching(words);
    expect(await untilFinal(database, body.image_id)).toMatchObject({ state: 'failed', code, message });
    const answer = await api.call('GET', `/v1/persons/${person}`);
    expect(answer.body.photos).toMatchObject([{ state: 'refused', code, message, reference_id: null }]);
    expect(await referencesOf(person)).toEqual([]);
  });

  it('refuses a number that no face can have, and stores no photo', async () => {
    const person = await makePerson('Unnumbered');
    for (const face of ['0', '1.5', 'two', '']) {
      expect(expectProblem(await enrol(person, sample(3), { face }), 'body_invalid').detail).toMatch(
        /face: .*from 1/,
      );
    }
    expect((await api.call('GET', `/v1/persons/${person}`)).body.photos).toEqual([]);
  });

  it('leaves nothing waiting, whether or not the photos were enrolled', async () => {
    await expectNothingLeft(database);
  });
});

/** Sample 3, cropped to the woman in the middle. */
const portraitOfAda = async (): Promise<Buffer> => {
  const id = await submit(database, sample(3));
  await untilFinal(database, id);
  const [face] = await database.rows(
    'select box_x, box_y, box_width, box_height from watchpost.face where image_id = $1 and ordinal = 2',
    [id],
  );
  const margin = 0.5;
  return sharp(sample(3))
    .extract({
      left: Math.round(face.box_x - margin * face.box_width),
      top: Math.round(face.box_y - margin * face.box_height),
      width: Math.round(face.box_width * (1 + 2 * margin)),
      height: Math.round(face.box_height * (1 + 2 * margin)),
    })
    .jpeg({ quality: 95 })
    .toBuffer();
};
