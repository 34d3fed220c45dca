import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';
import { loginWith } from '../support/sites.ts';
import { watchpost } from './support.ts';

describe.skipIf(!onServer)(`users of the database ${needsServer}`, () => {
  let database: TestDatabase;
  let ann: Awaited<ReturnType<typeof loginWith>>;
  let worker: Awaited<ReturnType<typeof loginWith>>;
  beforeAll(async () => {
    database = await freshDatabase();
    ann = await loginWith(database, 'watchpost_reader');
    worker = await loginWith(database, 'watchpost_work');
  });
  afterAll(async () => {
    await ann.leave();
    await worker.leave();
  });
  const run = (...args: string[]) => watchpost(args, { DATABASE_URL: database.url });

  it('become members of a site, which they then see, and leave it', async () => {
    await run('site', 'add', 'north');
    const sites = async () => (await ann.rows('select name from watchpost.site')).map(({ name }) => name);
    expect(await sites()).toEqual(['default']);
    expect((await run('site', 'member', 'add', ann.user, 'north')).stdout).toBe(`${ann.user} sees north\n`);
    expect(await sites()).toEqual(['north']);
    const [, north] = JSON.parse((await run('site', 'list', '--json')).stdout);
    expect(north).toMatchObject({ name: 'north', members: [ann.user] });
    const unknown = await run('site', 'member', 'add', ann.user, 'nowhere');
    expect(unknown).toMatchObject({ code: 1, stderr: expect.stringContaining('site_unknown') });
    expect((await run('site', 'member', 'remove', ann.user, 'north')).stdout).toBe(
      `${ann.user} is no member of north any more\n`,
    );
    expect(await sites()).toEqual(['default']);
  });

  it.each([
    ['a superuser', () => database.url, /rights .*is a superuser: more than workers and the API need/],
    ['a worker', () => worker.url, /rights .*has the rights of watchpost_work/],
    ['a reader', () => ann.url, /rights .* reads/],
  ])('are told by doctor what they may do beyond need: %s', async (_, url, words) => {
    expect((await watchpost(['doctor'], { DATABASE_URL: url() })).stdout).toMatch(words);
  });

  it.each(['work', 'api', 'submitter', 'reader', 'reviewer'])(
    'cannot forge the record as watchpost_%s',
    async (role) => {
      const user = await loginWith(database, `watchpost_${role}`);
      const forged = [
        `insert into watchpost.event (topic, subject_id, id) values ('x', gen_random_uuid(), gen_random_uuid())`,
        `insert into watchpost.event (topic, subject_id, created_at) values ('x', gen_random_uuid(), '2020-01-01')`,
        `insert into watchpost.event (topic, subject_id, xid) values ('x', gen_random_uuid(), '1')`,
        `insert into watchpost.handling (id, event_id, task, outcome, attempt, started_at, duration_ms) values (gen_random_uuid(), gen_random_uuid(), 'x', 'done', 1, now(), 0)`,
        `insert into watchpost.access (actor, action) values ('x', 'search')`,
        `insert into watchpost.alert_review (alert_id, decision, reviewer) values (gen_random_uuid(), 'confirmed', 'x')`,
        `insert into watchpost.erasure (what, subject_id, key) values ('person', gen_random_uuid(), 'x')`,
        `update watchpost.event set payload = '{}'`,
        'delete from watchpost.event',
      ];
      for (const statement of forged) {
        await expect(user.rows(statement), statement).rejects.toMatchObject({ code: '42501' });
      }
      // Who may write events at all is named in them, whatever they say.
      const written = await user
        .rows(
          `insert into watchpost.event (topic, subject_id, payload) values ('x', gen_random_uuid(), '{"by": "somebody else"}')`,
        )
        .catch((error) => error.code);
      expect(written, role).toEqual(role === 'work' ? [] : '42501');
      const [{ actors }] = (await database.rows(
        `select coalesce(array_agg(payload ->> 'by'), '{}') as actors from watchpost.event where topic = 'x'`,
      )) as [{ actors: string[] }];
      if (role === 'work') expect(actors).toEqual([user.user]);
      await user.leave();
    },
  );
});
