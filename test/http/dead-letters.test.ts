import { beforeAll, describe, expect, it } from 'vitest';
import { truncatedJpeg } from '../support/bad-photos.ts';
import type { TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { submit, untilFinal } from '../support/pipeline.ts';
import { tamper } from '../support/record.ts';
import { type Api, expectProblem, serve } from './support.ts';

describe('dead letters', () => {
  let database: TestDatabase;
  let api: Api;
  let imageId: string;

  beforeAll(async () => {
    ({ database, api } = await serve());
    imageId = await submit(database, truncatedJpeg());
    expect(await untilFinal(database, imageId)).toMatchObject({ state: 'failed', code: 'image_corrupt' });
  });

  it('are listed with reason, attempts and payload', async () => {
    const { status, body } = await api.call('GET', '/v1/dead-letters');
    expect(status).toBe(200);
    expect(body.dead_letters).toEqual([
      expect.objectContaining({
        task: 'detect',
        code: 'image_corrupt',
        attempts: 1,
        image_id: imageId,
        payload: { image_id: imageId, source: expect.any(String) },
      }),
    ]);
  });

  it('are tried again by a call, and done if the cause is gone', async () => {
    const [letter] = (await api.call('GET', '/v1/dead-letters')).body.dead_letters;
    // Only a superuser can do this; other users may not change a photo.
    await tamper(
      database,
      `update watchpost.image set bytes = '\\x${sample(1).toString('hex')}' where id = '${imageId}'`,
    );
    const replayed = await api.call('POST', `/v1/dead-letters/${letter.id}/replay`);
    expect(replayed).toMatchObject({ status: 202, body: { replayed: true } });
    expect(await untilFinal(database, imageId)).toMatchObject({ state: 'done', code: null, faces: 3 });
    expect((await api.call('GET', '/v1/dead-letters')).body.dead_letters).toEqual([]);
    const again = await api.call('POST', `/v1/dead-letters/${letter.id}/replay`);
    expect(again.body).toEqual({ replayed: false });
  });

  it('that do not exist are not replayed', async () => {
    const answer = await api.call('POST', `/v1/dead-letters/${imageId}/replay`);
    expectProblem(answer, 'dead_letter_unknown');
  });
});
