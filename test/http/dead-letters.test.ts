import { beforeAll, describe, expect, it } from 'vitest';
import type { TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { submit, untilFinal } from '../support/pipeline.ts';
import { tamper } from '../support/record.ts';
import { type Api, expectProblem, serve } from './support.ts';

describe('dead letters', () => {
  let database: TestDatabase;
  let api: Api;
  /** A photo that every worker died of, and a file that is no photo. */
  let deadly: string;
  let refused: string;

  beforeAll(async () => {
    ({ database, api } = await serve());
    refused = await submit(database, Buffer.from('this is no photo'));
    expect(await untilFinal(database, refused)).toMatchObject({ code: 'image_format_unsupported' });
    await database.rows(`select watchpost.pause('detect')`);
    deadly = await submit(database, sample(1));
    await database.rows(
      `with gone as (delete from watchpost.outbox where payload ->> 'image_id' = $1 returning event_id)
       select watchpost.bury('detect', array(select g.event_id from gone as g), 5, null)`,
      [deadly],
    );
    await database.rows(`select watchpost.resume('detect')`);
  });

  const listed = async () => (await api.call('GET', '/v1/dead-letters')).body.dead_letters;

  it('are listed with reason, attempts and payload; a photo that was refused is none', async () => {
    expect(await listed()).toEqual([
      expect.objectContaining({
        task: 'detect',
        code: 'worker_lost',
        attempts: 5,
        image_id: deadly,
        payload: { image_id: deadly, source: expect.any(String) },
      }),
    ]);
  });

  it('are tried again by a call, and done if the cause is gone', async () => {
    const [letter] = await listed();
    const replayed = await api.call('POST', `/v1/dead-letters/${letter.id}/replay`);
    expect(replayed).toMatchObject({ status: 202, body: { replayed: true } });
    expect(await untilFinal(database, deadly)).toMatchObject({ state: 'done', code: null, faces: 3 });
    expect(await listed()).toEqual([]);
    const again = await api.call('POST', `/v1/dead-letters/${letter.id}/replay`);
    expect(again.body).toEqual({ replayed: false });
  });

  it('and what was refused is tried again in the same way', async () => {
    const [refusal] = await database.rows('select id from watchpost.refusal where image_id = $1', [refused]);
    // Only a superuser can do this; other users may not change a photo.
    await tamper(
      database,
      `update watchpost.image set bytes = '\\x${sample(1).toString('hex')}' where id = '${refused}'`,
    );
    const replayed = await api.call('POST', `/v1/dead-letters/${refusal.id}/replay`);
    expect(replayed).toMatchObject({ status: 202, body: { replayed: true } });
    expect(await untilFinal(database, refused)).toMatchObject({ state: 'done', code: null, faces: 3 });
  });

  it('that do not exist are not replayed', async () => {
    const answer = await api.call('POST', `/v1/dead-letters/${deadly}/replay`);
    expectProblem(answer, 'dead_letter_unknown');
  });
});
