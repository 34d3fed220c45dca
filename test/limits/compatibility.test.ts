import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Api, admit, idleProcess, listen } from '../http/support.ts';
import { freshDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { realVision } from '../support/pipeline.ts';
import { hostileBody, hostileText } from './fuzz/hostile.ts';
import { randomOf } from './fuzz/random.ts';

let api: Api;
let photo: string;
beforeAll(async () => {
  const database = await freshDatabase();
  const vision = await realVision();
  api = await listen(database, vision, await idleProcess(database, vision, 'resting'), {
    compatibility: ['compreface', 'deepface'],
    giveVectors: true,
  });
  await admit(database, api);
  photo = (await sharp(sample(4)).resize(160).jpeg().toBuffer()).toString('base64');
});

/** Internal texts of the server, which no answer may contain. */
const inside = /\.[tj]s:\d+|node_modules|\bat \w+ \(|violates|syntax error|relation "|out of range for type/;

describe('hostile calls of the routes for clients of other products', () => {
  it('are answered with an error in their form, and never one of the server', async () => {
    const random = randomOf(1);
    const routes = api.routes.filter(({ path }) => /^\/(compreface|deepface)\//.test(path));
    expect(routes.length).toBeGreaterThan(15);
    const names = [
      'file',
      'img',
      'img1',
      'img2',
      'source_image',
      'target_image',
      'subject',
      'limit',
      'threshold',
    ];
    for (let index = 0; index < 20 * routes.length; index += 1) {
      const { method, path } = routes[index % routes.length] as (typeof routes)[number];
      const hostile = () => hostileText(random).toWellFormed().slice(0, 500);
      const address = path.replace(/:\w+/g, () => encodeURIComponent(random.chance(0.5) ? hostile() : 'Ada'));
      const query = random.chance(0.5)
        ? `?${new URLSearchParams({ [random.pick([...names, 'face_plugins', 'page'])]: hostile() })}`
        : '';
      const isRead = method === 'GET' || method === 'DELETE';
      const evil = hostileBody(random);
      const valid = JSON.stringify({ [random.pick(names)]: photo, [random.pick(names)]: hostile() });
      const { body, headers } = random.chance(0.5)
        ? evil
        : { body: valid, headers: { 'content-type': 'application/json' } };
      const answer = await fetch(new URL(address + query, api.url), {
        method,
        headers: { 'x-api-key': api.key, ...headers },
        ...(isRead || body === undefined ? {} : { body: body as Uint8Array<ArrayBuffer> }),
      });
      const text = await answer.text();
      const shown = `${method} ${address}${query} answered ${answer.status} ${text.slice(0, 300)}`;
      expect(answer.status, shown).toBeLessThan(500);
      if (answer.status < 400) continue;
      expect(JSON.parse(text), shown).toMatchObject(
        answer.headers.get('content-type')?.includes('problem')
          ? { code: expect.any(String) }
          : { error: expect.any(String) },
      );
      expect(text, shown).not.toMatch(inside);
    }
  });
});
