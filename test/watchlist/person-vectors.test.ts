import { beforeAll, describe, expect, it } from 'vitest';
import { connectClient, untilBlocked } from '../support/client.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';
import { addFace, addKnownPeople, addKnownPerson, addModel, addReference } from '../support/fabricate.ts';
import { Vectors } from '../support/vectors.ts';

const dimension = 16;

/** What person_vector holds, and what it should: both by person and model. */
const held = (database: TestDatabase) =>
  database.rows(
    `select person_id, model_id, vector::text as vector, reference_count as photos
     from watchpost.person_vector order by 1, 2`,
  );
const wanted = (database: TestDatabase) =>
  database.rows(
    `select
       person_id, model_id, watchpost.vector_of_person(avg(vector), count(*)::int)::text as vector,
       count(*)::int as photos
     from watchpost.reference where superseded_at is null group by 1, 2 order by 1, 2`,
  );

describe('the vector of a person', () => {
  let database: TestDatabase;
  let models: string[];
  const vectors = new Vectors(dimension, 5);

  beforeAll(async () => {
    database = await freshDatabase();
    models = [await addModel(database, 'one', dimension), await addModel(database, 'two', dimension)];
    await addKnownPerson(database, { name: 'Bystander', model: models[0]!, vector: vectors.any() });
  });

  /** Compares all vectors with the references, and returns a person's number of references by model. */
  const photosOf = async (personId: string) => {
    const rows = await held(database);
    expect(rows).toEqual(await wanted(database));
    return rows.filter((row) => row.person_id === personId).map((row) => [row.model_id, row.photos]);
  };
  const known = async (name: string) => {
    const [model, other] = models as [string, string];
    const { personId, referenceId } = await addKnownPerson(database, { name, model, vector: vectors.any() });
    const second = await addReference(database, { personId, model, vector: vectors.any() });
    await addReference(database, { personId, model: other, vector: vectors.any() });
    return { personId, referenceIds: [referenceId, second] };
  };

  // Of one reference that is their cosine.
  it.each([1, 2, 3, 5, 12])(
    'gives 1 - d^2 / (1.7 + 0.3 / k) as the similarity, of %i references',
    async (k) => {
      const probe = vectors.any();
      const references = Array.from({ length: k }, (_, n) => vectors.near(probe, n % 2 === 0 ? 0.7 : 0.2));
      const [first, ...others] = references as [number[], ...number[][]];
      const { personId } = await addKnownPerson(database, {
        ...{ name: 'Measured', model: models[0]! },
        vector: first,
      });
      for (const vector of others) await addReference(database, { personId, model: models[0]!, vector });

      const mean = probe.map((_, i) => references.reduce((sum, vector) => sum + vector[i]!, 0) / k);
      const squared = probe.reduce((sum, x, i) => sum + (x - mean[i]!) ** 2, 0);
      const [row] = await database.rows(
        'select watchpost.similarity($2, v.vector) as similarity from watchpost.person_vector as v where v.person_id = $1',
        [personId, JSON.stringify(probe)],
      );
      expect(row.similarity).toBeCloseTo(1 - squared / (1.7 + 0.3 / k), 3);
    },
  );

  it('has the same similarity of strangers to people with ten references as to people with one', async () => {
    const model = await addModel(database, 'wide', 64);
    const wide = new Vectors(64, 8);
    const centres = Array.from({ length: 30 }, () => wide.any());
    const strangers = Array.from({ length: 100 }, () => wide.any());
    const reached = async (k: number): Promise<number> => {
      const ids = await addKnownPeople(database, {
        model,
        vectors: centres.map((centre) => Array.from({ length: k }, () => wide.near(centre, 0.8))),
      });
      const [row] = await database.rows(
        `select percentile_cont(0.9) within group (order by best) as reached
         from unnest($1::text[]) as s (vector)
         cross join lateral (
           select max(watchpost.similarity(s.vector::halfvec, v.vector)) as best
           from watchpost.person_vector as v where v.person_id = any ($2)
         ) as m`,
        [strangers.map((vector) => JSON.stringify(vector)), ids],
      );
      return row.reached;
    };
    // By the distance alone, 1 - d^2 / 2, people of ten are 0.1 nearer.
    const [one, ten] = [await reached(1), await reached(10)];
    expect(Math.abs(ten - one)).toBeLessThan(0.05);
    expect(one).toBeGreaterThan(0.2);
  });

  it('is the mean of the standing references of each model, after every change', async () => {
    const { personId, referenceIds } = await known('Ada');
    expect(await photosOf(personId)).toEqual([
      ['one', 2],
      ['two', 1],
    ]);
    const [photo] = await database.rows(
      'select person_photo_id as id from watchpost.reference where id = $1',
      referenceIds.slice(0, 1),
    );
    await database.rows(`select watchpost.remove_photo($1, 'not her')`, [photo.id]);
    expect(await photosOf(personId), 'removed').toEqual([
      ['one', 1],
      ['two', 1],
    ]);
    await database.rows('update watchpost.reference set superseded_at = now() where id = $1', [
      referenceIds[1],
    ]);
    expect(await photosOf(personId), 'the last of a model').toEqual([['two', 1]]);
    await database.rows('update watchpost.reference set superseded_at = null where id = any ($1)', [
      referenceIds,
    ]);
    expect(await photosOf(personId), 'put back').toEqual([
      ['one', 2],
      ['two', 1],
    ]);
    await database.rows('update watchpost.reference set vector = $1::halfvec where id = $2', [
      JSON.stringify(vectors.any()),
      referenceIds[0],
    ]);
    expect(await photosOf(personId), 'computed again').toHaveLength(2);
    await database.rows('delete from watchpost.reference where id = $1', [referenceIds[0]]);
    expect(await photosOf(personId), 'deleted').toEqual([
      ['one', 1],
      ['two', 1],
    ]);
  });

  it("changes when a reference is removed as another person's", async () => {
    const [from, to] = [await known('Bea'), await known('Cleo')];
    await database.rows('update watchpost.reference set person_id = $1 where id = $2', [
      to.personId,
      from.referenceIds[0],
    ]);
    expect(await photosOf(from.personId)).toContainEqual(['one', 1]);
    expect(await photosOf(to.personId)).toContainEqual(['one', 3]);
  });

  it('is deleted with its person, their photo or its embedding', async () => {
    const gone = await known('Dora');
    await database.rows('delete from watchpost.person where id = $1', [gone.personId]);
    expect(await photosOf(gone.personId)).toEqual([]);
    const forgotten = await known('Emma');
    await database.rows('select watchpost.forget_person($1)', [forgotten.personId]);
    expect(await photosOf(forgotten.personId)).toEqual([]);
    const without = await known('Fay');
    await database.rows('delete from watchpost.person_photo where person_id = $1', [without.personId]);
    expect(await photosOf(without.personId)).toEqual([]);
    const replaced = await known('Gwen');
    await database.rows(
      'delete from watchpost.embedding where id = (select embedding_id from watchpost.reference where id = $1)',
      [replaced.referenceIds[0]],
    );
    expect(await photosOf(replaced.personId)).toContainEqual(['one', 1]);
  });

  it('can be computed for a person without rows written by triggers', async () => {
    const { personId } = await known('Hedy');
    await database.rows('delete from watchpost.person_vector where person_id = $1', [personId]);
    const broken = () =>
      database.rows(`select subject from watchpost.invariant where rule = 'person_vector_untrue'`);
    expect(await broken()).toEqual([{ subject: personId }, { subject: personId }]);
    await database.rows('select watchpost.refresh_person_vectors(array[$1::uuid])', [personId]);
    expect(await photosOf(personId)).toHaveLength(2);
    expect(await broken()).toEqual([]);
  });

  describe.skipIf(!onServer)(`in two concurrent transactions ${needsServer}`, () => {
    const add = `
      insert into watchpost.reference (person_id, person_photo_id, embedding_id, model_id, vector)
      select $1, p.id, e.id, e.model_id, e.vector
      from watchpost.person_photo as p cross join watchpost.embedding as e where p.id = $2 and e.id = $3
    `;
    const photo = async (personId: string) => {
      const { imageId, embeddingId } = await addFace(database, {
        ...{ model: models[0]!, vector: vectors.any() },
        purpose: 'reference',
      });
      const [row] = await database.rows(
        'insert into watchpost.person_photo (person_id, image_id) values ($1, $2) returning id',
        [personId, imageId],
      );
      return [personId, row.id, embeddingId];
    };

    it('includes the references of both', async () => {
      const { personId } = await known('Ida');
      const [one, two] = [await connectClient(database), await connectClient(database)];
      await one.query('begin');
      await one.query(add, await photo(personId));
      const second = two.query(add, await photo(personId));
      await untilBlocked(database);
      await one.query('commit');
      await second;
      expect(await photosOf(personId)).toContainEqual(['one', 4]);
    });

    it('leaves none if both remove the same photo', async () => {
      const { personId, referenceIds } = await known('Jo');
      const [one, two] = [await connectClient(database), await connectClient(database)];
      const takeBack = 'update watchpost.reference set superseded_at = now() where id = $1';
      await one.query('begin');
      await one.query(takeBack, [referenceIds[0]]);
      const second = two.query(takeBack, [referenceIds[1]]);
      await untilBlocked(database);
      await one.query('commit');
      await second;
      expect(await photosOf(personId)).toEqual([['two', 1]]);
    });

    it('does not exist for a person who is deleted while being enrolled', async () => {
      const { personId } = await known('Kim');
      const [one, two] = [await connectClient(database), await connectClient(database)];
      await one.query('begin');
      await one.query(add, await photo(personId));
      const second = two.query('delete from watchpost.person where id = $1', [personId]);
      await untilBlocked(database);
      await one.query('commit');
      await second;
      expect(await photosOf(personId)).toEqual([]);
    });

    it("refuses a transaction that would miss the other's reference", async () => {
      const { personId } = await known('Lou');
      const [one, two] = [await connectClient(database), await connectClient(database)];
      const [first, later] = [await photo(personId), await photo(personId)];
      await two.query('begin isolation level repeatable read; select from watchpost.person');
      await one.query(add, first);
      await expect(two.query(add, later)).rejects.toMatchObject({ code: '40001' });
      await two.query('rollback');
      expect(await photosOf(personId)).toContainEqual(['one', 3]);
    });
  });
});
