import { beforeAll, expect, it } from 'vitest';
import { watchpost } from '../commands/support.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { samplePath } from '../support/photos.ts';
import { enrolAda, realVision, runWorker, untilIdle } from '../support/pipeline.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await freshDatabase();
  await runWorker(database, await realVision());
  await enrolAda(database);
  await untilIdle(database);
});

const run = (...args: string[]) => watchpost(args, { DATABASE_URL: database.url });
const latestAccess = async () =>
  (await database.rows('select action, reason, actor from watchpost.access order by id desc limit 1'))[0];

it('search says who is in a photo, and is on record with its reason', async () => {
  const { code, stdout } = await run('search', samplePath(1), '--reason', 'complaint 4711');
  expect({ code, stdout }).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^3 faces, one list searched\n/),
  });
  expect(stdout).toMatch(/^ +3 .*good +match +Ada +0\.727\d* +list .* ≥ 0\.50$/m);
  expect(await latestAccess()).toEqual({
    action: 'search',
    reason: 'complaint 4711',
    actor: expect.any(String),
  });

  const json = await run('search', samplePath(1), '--past', '--strangers', '--json');
  expect(JSON.parse(json.stdout).faces[2]).toMatchObject({ outcome: 'match', past: [], strangers: [] });
  const refused = await run('search', samplePath(1), '--watchlist', 'nobody');
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/no watchlist 'nobody'/) });
});

it('compare says whether two photos show one person', async () => {
  const { code, stdout } = await run('compare', samplePath(1), samplePath(3));
  expect(code).toBe(0);
  expect(stdout).toMatch(/^match: similarity 0\.727, threshold 0\.50\n/);
  expect((await run('compare', samplePath(4), samplePath(6))).stdout).toMatch(/^no match: similarity 0\.\d+/);
  expect(await latestAccess()).toMatchObject({ action: 'compare' });
  const json = await run('compare', samplePath(1), samplePath(3), '--threshold', '0.9', '--json');
  expect(JSON.parse(json.stdout)).toMatchObject({ match: false, threshold: 0.9 });
});

it('detect shows the faces of a photo and why one would be refused', async () => {
  const { code, stdout } = await run('detect', samplePath(2));
  expect(code).toBe(0);
  expect(stdout).toMatch(/^\d+ × \d+ jpeg\nfaces_several: /);
  expect(stdout).toMatch(/face_profile/);
  expect(JSON.parse((await run('detect', samplePath(2), '--json')).stdout).faces[0].points).toHaveLength(10);
  const missing = await run('detect', '/nonexistent.jpg');
  expect(missing).toMatchObject({ code: 1, stderr: expect.stringMatching(/no such file/) });
});

it('search_face and similar_faces answer the same for a stored face, in SQL', async () => {
  const { stdout } = await run('submit', samplePath(1), '--wait', '--json');
  const { id } = JSON.parse(stdout);
  const [face] = await database.rows('select id from watchpost.face where image_id = $1 and ordinal = 3', [
    id,
  ]);
  const people = await database.rows(`select * from watchpost.search_face($1, reason => 'why')`, [face.id]);
  expect(people).toMatchObject([{ person: 'Ada', similarity: expect.closeTo(0.7275, 2), reached: true }]);
  expect(await latestAccess()).toMatchObject({ action: 'search', reason: 'why' });
  expect(await database.rows('select * from watchpost.similar_faces($1)', [face.id])).toEqual([]);

  const again = JSON.parse((await run('submit', samplePath(1), '--wait', '--json')).stdout);
  expect(await database.rows('select * from watchpost.similar_faces($1)', [face.id])).toMatchObject([
    { image_id: again.id, similarity: expect.closeTo(1, 2), person: 'Ada' },
  ]);
  await expect(
    database.rows(`select * from watchpost.search_face('01890000-0000-7000-8000-000000000000')`),
  ).rejects.toMatchObject({ code: 'WP037' });
  await expect(
    database.rows(`select * from watchpost.search_face($1, array['nobody'])`, [face.id]),
  ).rejects.toMatchObject({ code: 'WP062' });
});
