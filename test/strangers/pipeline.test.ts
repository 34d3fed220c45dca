import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Api, expectProblem, serve } from '../http/support.ts';
import type { TestDatabase } from '../support/database.ts';
import { untilFinal } from '../support/pipeline.ts';
import { groupStrangers } from '../support/strangers.ts';
import { until } from '../support/until.ts';

/** Labelled portraits, ten of each person; they are not part of the project. */
const portraits = fileURLToPath(new URL('../../../shared/eval/orl', import.meta.url));
const people = ['s01', 's05', 's09', 's14', 's22', 's33'];

describe.skipIf(!existsSync(portraits))(
  'strangers before a camera (needs the labelled photos beside the project)',
  () => {
    let database: TestDatabase;
    let api: Api;
    const personOf = new Map<string, string>();

    const submit = async (person: string, number: number): Promise<string> => {
      const [row] = await database.rows<{ id: string }>(
        `select watchpost.submit_image($1, 'gate', now() - $2::integer * interval '11 hours') as id`,
        [readFileSync(`${portraits}/${person}/${String(number).padStart(2, '0')}.png`), number],
      );
      return (row as { id: string }).id;
    };

    beforeAll(async () => {
      ({ database, api } = await serve());
      await database.rows(`insert into watchpost.camera (name, location) values ('gate', 'North gate')`);
      await database.rows(`insert into watchpost.watchlist (name) values ('regulars')`);
      await database.rows('select watchpost.enable_strangers()');
      for (let number = 1; number <= 9; number++) {
        for (const person of people) personOf.set(await submit(person, number), person);
      }
      for (const id of personOf.keys()) await untilFinal(database, id);
      await groupStrangers(database);
    });

    it('become one group each, without anybody else', async () => {
      const { status, body } = await api.call('GET', '/v1/strangers?visits=5');
      expect(status).toBe(200);
      const found = new Set<string>();
      for (const { id, visits, faces, cameras, crop } of body.strangers) {
        const { body: one } = await api.call('GET', `/v1/strangers/${id}`);
        expect(one.faces).toHaveLength(faces);
        const names = new Set<string>(
          one.faces.map((face: { image_id: string }) => personOf.get(face.image_id)),
        );
        expect(names.size, 'one person').toBe(1);
        for (const name of names) found.add(name);
        expect(visits, 'eleven hours apart').toBe(faces);
        expect(cameras).toEqual(['gate']);
        expect((await api.call('GET', crop)).headers.get('content-type')).toMatch(/^image\//);
        expect((await api.call('GET', one.faces[0].crop)).status).toBe(200);
      }
      expect(found).toEqual(new Set(people));
      expect(body.strangers).toHaveLength(people.length);
      const [good] = await database.rows(
        'select count(*)::int as views, count(stranger_id)::int as grouped from watchpost.stranger_face',
      );
      expect(good.grouped / good.views, 'share of the good views').toBeGreaterThan(0.95);
    });

    it('are counted from a given time', async () => {
      const since = new Date(Date.now() - 40 * 3_600_000).toISOString();
      const { body } = await api.call('GET', `/v1/strangers?visits=3&since=${since}`);
      expect(body.strangers).not.toEqual([]);
      for (const { visits, first_seen } of body.strangers) {
        expect(visits).toBe(3);
        expect(first_seen >= since).toBe(true);
      }
      expect((await api.call('GET', `/v1/strangers?visits=4&since=${since}`)).body).toEqual({
        strangers: [],
        next: null,
      });
    });

    it('are refused with a code if the request is invalid', async () => {
      const unknown = '01990000-0000-7000-8000-000000000000';
      expectProblem(await api.call('GET', `/v1/strangers/${unknown}`), 'stranger_unknown');
      expectProblem(await api.call('GET', '/v1/strangers/x'), 'id_invalid');
      expectProblem(await api.call('GET', '/v1/strangers?visits=0'), 'query_invalid');
      expectProblem(await api.call('POST', `/v1/strangers/${unknown}/person`, { name: '' }), 'name_invalid');
      expectProblem(
        await api.call('POST', `/v1/strangers/${unknown}/person`, { name: 'Ada' }),
        'stranger_unknown',
      );
    });

    it('become a person with one request, who is then recognised', async () => {
      const { body: before } = await api.call('GET', '/v1/strangers');
      const { id, faces } = before.strangers[0];
      const { body: shown } = await api.call('GET', `/v1/strangers/${id}`);
      const name = personOf.get(shown.faces[0].image_id) as string;

      const wrong = await api.call('POST', `/v1/strangers/${id}/person`, { name, watchlists: ['nowhere'] });
      expectProblem(wrong, 'watchlist_unknown');
      const wanted = { name, external_ref: 'case-1', watchlists: ['regulars'] };
      const made = await api.call('POST', `/v1/strangers/${id}/person`, wanted);
      expect(made.status).toBe(201);
      const personId = made.body.person_id;
      expect(made.headers.get('location')).toBe(`/v1/persons/${personId}`);
      expectProblem(await api.call('POST', `/v1/strangers/${id}/person`, { name }), 'stranger_named');
      const other = before.strangers[1].id;
      expectProblem(await api.call('POST', `/v1/strangers/${other}/person`, wanted), 'name_taken');

      // Five photos are submitted; each becomes a reference, or is refused by the gate with a reason.
      await until(async () => {
        const [row] = await database.rows<{ n: number }>(
          `select count(*)::int as n from watchpost.reference where person_id = $1`,
          [personId],
        );
        return row?.n === 5;
      });
      const seen = await submit(name, 10);
      await untilFinal(database, seen);
      const sightings = await database.rows('select person from watchpost.sighting where image_id = $1', [
        seen,
      ]);
      expect(sightings).toEqual([{ person: name }]);

      await groupStrangers(database);
      const { body: after } = await api.call('GET', '/v1/strangers');
      expect(after.strangers.map((one: { id: string }) => one.id)).not.toContain(id);
      const { body: named } = await api.call('GET', `/v1/strangers/${id}`);
      expect(named).toMatchObject({
        id,
        person_id: personId,
        person: name,
        named_by: expect.stringMatching(/^api:/),
      });
      expect(named.faces.length, 'those that enrol are strangers no longer').toBeLessThanOrEqual(faces - 5);
      const [event] = await database.rows(
        `select payload from watchpost.event where topic = 'stranger.named'`,
      );
      expect(event.payload).toMatchObject({ stranger_id: id, person_id: personId, by: named.named_by });
      expect(event.payload.face_ids).toHaveLength(5);
    });
  },
);
