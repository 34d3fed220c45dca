import { beforeAll, describe, expect, it } from 'vitest';
import type { TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { enrolAda, untilIdle } from '../support/pipeline.ts';
import { type Api, expectProblem, formOf, serve } from './support.ts';

let database: TestDatabase;
let api: Api;
let ada: { personId: string; watchlistId: string };

beforeAll(async () => {
  ({ database, api } = await serve());
  ada = await enrolAda(database);
  await untilIdle(database);
});

const jpeg = { 'content-type': 'image/jpeg' };
const latestAccess = async () =>
  (await database.rows('select action, actor, reason from watchpost.access order by id desc limit 1'))[0];

/** Two photos in a form. */
const pairOf = (image: Buffer, other: Buffer, fields: Record<string, string> = {}): FormData => {
  const form = formOf(image, fields);
  form.append('other', new Blob([new Uint8Array(other)]), 'other.jpg');
  return form;
};

describe('POST /v1/search', () => {
  it('answers at once who is in a photo, in each form of a body, and stores no image', async () => {
    const before = await database.rows('select count(*)::int from watchpost.image');
    const reason = { 'access-reason': 'complaint 4711' };
    const raw = await api.call('POST', '/v1/search?strangers=true', sample(1), { ...jpeg, ...reason });
    expect(raw.status).toBe(200);
    expect(raw.body).toMatchObject({ watchlists: [ada.watchlistId], faces_left_out: 0 });
    expect(raw.body.faces[2]).toMatchObject({
      outcome: 'match',
      matches: [{ person: 'Ada', person_id: ada.personId }],
      strangers: [],
    });
    expect(await latestAccess()).toEqual({
      action: 'search',
      actor: expect.stringMatching(/^api:/),
      reason: 'complaint 4711',
    });
    const form = await api.call('POST', '/v1/search', formOf(sample(1), { past: 'true', most: '1' }));
    expect(form.body.faces[2]).toMatchObject({ outcome: 'match', past: [] });
    const json = await api.call('POST', '/v1/search', {
      image: sample(1).toString('base64'),
      watchlists: [ada.watchlistId],
      past: true,
      most: 1,
    });
    expect(json.body.faces[2]).toMatchObject({ outcome: 'match', past: [] });
    expect(await database.rows('select count(*)::int from watchpost.image')).toEqual(before);
  });

  it('shows the crop of the reference that is most similar', async () => {
    const { body } = await api.call('POST', '/v1/search', sample(1), jpeg);
    const { reference_face_id } = body.faces[2].people[0];
    expect((await api.call('GET', `/v1/faces/${reference_face_id}/crop`)).status).toBe(200);
  });

  it.each([
    ['a field that there is not', { list: 'wanted' }, 'query_invalid', /list/],
    ['a flag that is none', { past: 'perhaps' }, 'query_invalid', /true or false/],
    ['too many results', { most: '51' }, 'query_invalid', /1 to 50/],
    ['a similarity beyond 1', { similarity: '1.5' }, 'query_invalid', /0 to 1/],
    ['a similarity that every face has', { similarity: '0.1' }, 'query_invalid', /0\.2 to 1/],
    ['an unknown list', { watchlists: 'nobody' }, 'watchlist_unknown', /'nobody'/],
    ['no list', { watchlists: '' }, 'query_invalid', /name or an id/],
  ] as const)('refuses %s', async (_, query, code, sentence) => {
    const path = `/v1/search?${new URLSearchParams(query)}`;
    expect(expectProblem(await api.call('POST', path, sample(1), jpeg), code).detail).toMatch(sentence);
  });

  it('refuses what is no photo, and a reason that is too long', async () => {
    expectProblem(await api.call('POST', '/v1/search', Buffer.from('x'), jpeg), 'image_format_unsupported');
    expectProblem(
      await api.call('POST', '/v1/search', sample(1), { ...jpeg, 'access-reason': 'x'.repeat(2001) }),
      'text_too_long',
    );
  });
});

describe('POST /v1/compare', () => {
  it('compares two photos of a form or of JSON', async () => {
    const form = await api.call('POST', '/v1/compare', pairOf(sample(1), sample(3)));
    expect(form.body).toMatchObject({ match: true, best: { face: 3, other_face: 2 } });
    const json = await api.call('POST', '/v1/compare', {
      image: sample(1).toString('base64'),
      other: sample(3).toString('base64'),
      threshold: 0.9,
    });
    expect(json.body).toMatchObject({ match: false, outcome: 'below_threshold', threshold: 0.9 });
    expect(await latestAccess()).toMatchObject({ action: 'compare' });
  });

  it('needs both photos', async () => {
    const one = expectProblem(await api.call('POST', '/v1/compare', formOf(sample(1))), 'body_invalid');
    expect(one.detail).toMatch(/no photo in the field or key other/);
    const raw = expectProblem(
      await api.call('POST', '/v1/compare', sample(1), jpeg),
      'media_type_unsupported',
    );
    expect(raw.hint).toMatch(/image, and one in other/);
    const broken = pairOf(sample(1), Buffer.from('x'));
    expectProblem(await api.call('POST', '/v1/compare', broken), 'image_format_unsupported');
  });
});

describe('POST /v1/detect', () => {
  it('gives faces with landmarks, quality, and why one would not be enrolled', async () => {
    const { body } = await api.call('POST', '/v1/detect', sample(2), jpeg);
    expect(body.enrolment).toMatchObject({ code: 'faces_several' });
    expect(body.faces).toHaveLength(3);
    expect(body.faces.flatMap((face: { refusals: { code: string }[] }) => face.refusals)).toContainEqual(
      expect.objectContaining({ code: 'face_profile' }),
    );
    expect(await latestAccess()).toMatchObject({ action: 'detect' });
  });
});
