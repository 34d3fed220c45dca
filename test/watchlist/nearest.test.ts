import type pg from 'pg';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { findNearest } from '../../src/watchlist/nearest.ts';
import { addWatchlist } from '../../src/watchlist/registry.ts';
import { connectClient } from '../support/client.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';
import { addFace, addKnownPeople, addKnownPerson, addModel, addReference } from '../support/fabricate.ts';
import { Vectors } from '../support/vectors.ts';

/** People in groups of similar ones, with one to five photos each. */
const dimension = 32;
const groups = 30;
const people = 1700;
const few = 20;

describe('searching for the nearest person', () => {
  let database: TestDatabase;
  let model: string;
  let ids: string[];
  let centres: number[][];
  let many: string;
  let short: string;
  const vectors = new Vectors(dimension, 7);

  beforeAll(async () => {
    database = await freshDatabase();
    model = await addModel(database, 'clustered', dimension);
    const looks = Array.from({ length: groups }, () => vectors.any());
    centres = Array.from({ length: people }, (_, n) => vectors.near(looks[n % groups] as number[], 0.6));
    ids = await addKnownPeople(database, {
      model,
      vectors: centres.map((centre, n) =>
        Array.from({ length: 1 + (n % 5) }, () => vectors.near(centre, 0.8)),
      ),
    });
    // The pool's limit of 30 s is too short for the embedded database on a busy machine.
    await database.pool.query({
      text: 'select watchpost.index_people($1)',
      values: [model],
      query_timeout: 2 ** 31 - 1,
    } as pg.QueryConfig);
    many = (await addWatchlist(database.db, { name: 'many' })).id;
    short = (await addWatchlist(database.db, { name: 'short', threshold: 0.5 })).id;
    await database.rows(
      'insert into watchpost.watchlist_entry (watchlist_id, person_id) select $1, unnest($2::uuid[])',
      [many, ids],
    );
    await database.rows(
      'insert into watchpost.watchlist_entry (watchlist_id, person_id) select $1, unnest($2::uuid[])',
      [short, onShort()],
    );
    await database.rows('analyze watchpost.person_vector');
    await database.rows('analyze watchpost.watchlist_entry');
  });

  /** Every 85th person. */
  const onShort = () => ids.filter((_, n) => n % (people / few) === 0);
  const enable = (...lists: string[]) =>
    database.rows('update watchpost.watchlist set enabled = id = any ($1)', [lists]);
  const probes = (count: number) =>
    Array.from({ length: count }, (_, n) => vectors.near(centres[(n * 37) % people] as number[], 0.75));

  const ask = `
    select person_id, reference_id, round(similarity::numeric, 3)::float8 as similarity,
           round(reference_similarity::numeric, 3)::float8 as reference_similarity
    from watchpost.nearest_people($1::halfvec, $2, $3, $4)
  `;
  const exact = (probe: number[], most: number) =>
    database.rows(ask, [JSON.stringify(probe), model, 'exact', most]);
  /** Uses the index even where the planner would prefer another plan. */
  const throughIndex = async (client: pg.Client, probe: number[], most: number) => {
    await client.query('begin');
    await client.query('set local enable_sort = off');
    const { rows } = await client.query(ask, [JSON.stringify(probe), model, 'hnsw', most]);
    await client.query('commit');
    return rows;
  };

  it('finds the same person exactly and through the index, among all', async () => {
    await enable(many);
    const client = await connectClient(database);
    for (const probe of probes(30)) {
      const nearest = await exact(probe, 1);
      expect(nearest).toHaveLength(1);
      expect(await throughIndex(client, probe, 1)).toEqual(nearest);
    }
  });

  it('finds the same people exactly and through the index, on a list of few people among many', async () => {
    await enable(short);
    const client = await connectClient(database);
    for (const probe of probes(10)) {
      const nearest = await exact(probe, 3);
      expect(nearest).toHaveLength(3);
      expect(nearest.filter((one) => !onShort().includes(one.person_id))).toEqual([]);
      expect(await throughIndex(client, probe, 3)).toEqual(nearest);
    }
  });

  it.skipIf(!onServer)(`scans the index with the filter and without a sort ${needsServer}`, async () => {
    await enable(many);
    const client = await connectClient(database);
    const notices: string[] = [];
    client.on('notice', (notice) => notices.push(notice.message ?? ''));
    await client.query(`load 'auto_explain'`);
    await client.query(`select set_config('auto_explain.log_min_duration', '0', false),
                               set_config('auto_explain.log_nested_statements', 'on', false),
                               set_config('auto_explain.log_level', 'notice', false)`);
    await client.query(ask, [JSON.stringify(centres[0]), model, 'hnsw', 1]);
    const plan = notices.find((text) => text.includes('Index Scan using person_vector_hnsw_'));
    expect(plan).toMatch(
      /Limit .*\n\s+->\s+Nested Loop Semi Join .*\n\s+->\s+Index Scan using person_vector_hnsw_/,
    );
  });

  it('compares all if few people are listed, and uses the index if many are', async () => {
    const exactUpTo = people - 1;
    const { embeddingId } = await addFace(database, { model, vector: centres[85] as number[] });
    const search = async () =>
      (await findNearest(database.db, [embeddingId], { exactUpTo })).get(embeddingId);
    await enable(many, short);
    expect(await search()).toMatchObject({
      method: 'hnsw',
      watchlists: [many, short].sort(),
      candidates: expect.arrayContaining([
        expect.objectContaining({
          person_id: ids[85],
          ruled_out: false,
          lists: [
            { id: many, threshold: 0.5 },
            { id: short, threshold: 0.5 },
          ].sort((a, b) => (a.id < b.id ? -1 : 1)),
        }),
      ]),
    });
    await enable(short);
    expect(await search()).toMatchObject({
      method: 'exact',
      watchlists: [short],
      candidates: Array(5).fill(expect.objectContaining({ lists: [{ id: short, threshold: 0.5 }] })),
    });
    const [first] = (await search())?.candidates ?? [];
    expect(first?.person_id).toBe(ids[85]);
  });

  it('compares a person whom the index misses if asked to, unless they are on no list', async () => {
    const vector = vectors.any();
    const ready = (is: boolean) =>
      database.rows(
        `update pg_index set indisready = $1 where indexrelid::regclass::text like 'watchpost.person_vector_hnsw_%'`,
        [is],
      );
    await ready(false);
    const missed = await addKnownPerson(database, { model, name: 'Missed', vector, watchlists: [many] });
    const unlisted = await addKnownPerson(database, { model, name: 'Missed and unlisted', vector });
    await ready(true);
    await enable(many);
    const { embeddingId } = await addFace(database, { model, vector });
    const search = async (alsoCompare?: string) => {
      const options = { exactUpTo: 0, ...(alsoCompare ? { alsoCompare } : {}) };
      const found = (await findNearest(database.db, [embeddingId], options)).get(embeddingId);
      return found?.candidates.map((one) => one.person_id) ?? [];
    };
    const others = await search();
    expect(others).not.toContain(missed.personId);
    expect(await search(missed.personId)).toEqual([missed.personId, ...others.slice(0, -1)]);
    expect(await search(unlisted.personId)).toEqual(others);
    expect(await search(others[0])).toEqual(others);
  });

  it('is given an index by upkeep once more people are listed than are compared one by one', async () => {
    const growing = await addModel(database, 'growing', dimension);
    const list = await addWatchlist(database.db, { name: 'growing' });
    const vector = vectors.any();
    const add = () =>
      addKnownPerson(database, {
        ...{ model: growing, name: 'One more', watchlists: [list.id] },
        vector: vectors.near(vector, 0.9),
      });
    for (let n = 0; n < 3; n++) await add();
    await enable(list.id);
    const { embeddingId } = await addFace(database, { model: growing, vector });
    const search = async (exactUpTo: number) =>
      (await findNearest(database.db, [embeddingId], { exactUpTo })).get(embeddingId);
    const setLimit = (people: number) =>
      database.rows(
        `create or replace function watchpost.exact_up_to() returns integer
         language sql immutable parallel safe return ${people}`,
      );
    await setLimit(3);
    onTestFinished(async () => void (await setLimit(25_000)));
    const make = async () => (await database.rows('select watchpost.index_many_people() as made'))[0].made;
    expect(await make(), 'three are compared').toBe(0);
    await add();
    expect(await search(2), 'there is none yet').toMatchObject({ method: 'exact' });
    expect(await make()).toBe(1);
    expect(await make(), 'it is there').toBe(0);
    const found = await search(3);
    expect(found).toMatchObject({ method: 'hnsw' });
    expect(found?.candidates).toHaveLength(4);
  });

  it('does not search lists that are not enabled', async () => {
    const vector = vectors.any();
    const hidden = await addWatchlist(database.db, { name: 'hidden', enabled: false });
    const shown = await addWatchlist(database.db, { name: 'shown' });
    const spec = { model, vector };
    await addKnownPerson(database, { ...spec, name: 'On no list' });
    await addKnownPerson(database, { ...spec, name: 'Hidden', watchlists: [hidden.id] });
    const twin = await addKnownPerson(database, {
      model,
      name: 'Shown',
      vector: vectors.near(vector, 0.9),
      watchlists: [shown.id, hidden.id],
    });
    const { embeddingId } = await addFace(database, { model, vector });
    await enable(shown.id);
    const found = (await findNearest(database.db, [embeddingId])).get(embeddingId);
    expect(found?.candidates).toEqual([
      {
        person_id: twin.personId,
        reference_id: twin.referenceId,
        similarity: expect.closeTo(0.9, 1),
        reference_similarity: expect.closeTo(found?.candidates[0]?.similarity ?? 0, 3),
        ruled_out: false,
        lists: [{ id: shown.id, threshold: expect.closeTo(0.5) }],
      },
    ]);
    const [list] = await database.rows('select version from watchpost.watchlist where id = $1', [shown.id]);
    expect(found).toMatchObject({ watchlists: [shown.id], watchlist_versions: [list.version] });
  });

  it('does not search a list outside its period of validity', async () => {
    const vector = vectors.any();
    const list = await addWatchlist(database.db, { name: 'in season' });
    await addKnownPerson(database, { model, vector, name: 'Seasonal', watchlists: [list.id] });
    const { embeddingId } = await addFace(database, { model, vector });
    await enable(list.id);
    const names = async (from: string | null, until: string | null) => {
      await database.rows(
        `update watchpost.watchlist set valid_from = now() + $2::interval, valid_until = now() + $3::interval where id = $1`,
        [list.id, from, until],
      );
      return (await findNearest(database.db, [embeddingId])).get(embeddingId)?.candidates.length;
    };
    expect(await names('-1 hour', '1 hour')).toBe(1);
    expect(await names('1 minute', null)).toBe(0);
    expect(await names(null, '-1 minute')).toBe(0);
    expect(await names(null, null)).toBe(1);
  });

  it('orders people by all of their photos, and returns the best one', async () => {
    const list = await addWatchlist(database.db, { name: 'fused' });
    const probe = vectors.any();
    // One photo that is similar by chance, against two that are both similar.
    const lucky = await addKnownPerson(database, {
      ...{ model, name: 'Lucky', watchlists: [list.id] },
      vector: vectors.near(probe, 0.8),
    });
    await addReference(database, { personId: lucky.personId, model, vector: vectors.near(probe, 0.1) });
    const alike = await addKnownPerson(database, {
      ...{ model, name: 'Alike', watchlists: [list.id] },
      vector: vectors.near(probe, 0.7),
    });
    await addReference(database, { personId: alike.personId, model, vector: vectors.near(probe, 0.7) });
    await enable(list.id);
    const { embeddingId } = await addFace(database, { model, vector: probe });
    const found = (await findNearest(database.db, [embeddingId])).get(embeddingId)?.candidates;
    expect(found?.map((one) => one.person_id)).toEqual([alike.personId, lucky.personId]);
    const [first, second] = found ?? [];
    expect(first?.similarity, 'what both photos have in common').toBeGreaterThan(
      first?.reference_similarity ?? 1,
    );
    expect(second?.similarity).toBeLessThan(second?.reference_similarity ?? 0);
    expect(second?.reference_id).toBe(lucky.referenceId);
  });

  it('compares only vectors of the same model', async () => {
    const list = await addWatchlist(database.db, { name: 'two models' });
    const other = await addModel(database, 'another', dimension);
    const vector = vectors.any();
    await addKnownPerson(database, { name: 'By the other', model: other, vector, watchlists: [list.id] });
    const far = await addKnownPerson(database, {
      name: 'By this one',
      model,
      vector: vectors.near(vector, 0.2),
      watchlists: [list.id],
    });
    await enable(list.id);
    const faces = [
      await addFace(database, { model, vector }),
      await addFace(database, { model: other, vector }),
    ];
    const found = await findNearest(
      database.db,
      faces.map((face) => face.embeddingId),
    );
    const [byThis, byOther] = faces.map((face) => found.get(face.embeddingId));
    expect(byThis).toMatchObject({ model_id: model, candidates: [{ person_id: far.personId }] });
    expect(byOther).toMatchObject({ model_id: other, candidates: [{ similarity: expect.closeTo(1, 2) }] });
    expect(byOther?.candidates[0]?.person_id).not.toBe(far.personId);
  });

  it('finds nobody if no list is enabled, and leaves out an embedding that is gone', async () => {
    await enable();
    const { embeddingId } = await addFace(database, {
      model,
      vector: centres[0] as number[],
      gate: ['small'],
      norm: 4,
    });
    const found = await findNearest(database.db, [embeddingId, '00000000-0000-7000-8000-000000000000']);
    expect([...found.keys()]).toEqual([embeddingId]);
    expect(found.get(embeddingId)).toMatchObject({
      ...{ candidates: [], watchlists: [], watchlist_versions: [] },
      ...{ method: 'exact', face_gate: ['small'], norm: 4 },
    });
  });
});
