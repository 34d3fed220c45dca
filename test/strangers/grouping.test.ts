import { beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { addFace, addModel } from '../support/fabricate.ts';
import { groupStrangers, searchAgain } from '../support/strangers.ts';
import { Vectors } from '../support/vectors.ts';

/** Twelve dimensions let crowds of faces touch: chains, bridges, faces at the border of two groups, and noise. */
const dimension = 12;
const similarity = 0.8;
const minFaces = 4;

interface Face {
  readonly id: string;
  readonly group: string | null;
  readonly core: boolean;
}

/** What DBSCAN is, written down plainly: who is core, and which core faces are one group. */
const dbscan = (near: ReadonlyMap<string, ReadonlySet<string>>) => {
  const cores = [...near].filter(([, others]) => others.size >= minFaces).map(([id]) => id);
  const groups: Set<string>[] = [];
  const seen = new Set<string>();
  for (const first of cores) {
    if (seen.has(first)) continue;
    const group = new Set<string>();
    const open = [first];
    for (let id = open.pop(); id !== undefined; id = open.pop()) {
      if (group.has(id)) continue;
      group.add(id);
      seen.add(id);
      open.push(...[...(near.get(id) ?? [])].filter((other) => cores.includes(other)));
    }
    groups.push(group);
  }
  return { cores: new Set(cores), groups };
};

describe.each(['every face compared', 'through the index'])('strangers, %s', (how) => {
  let database: TestDatabase;
  let faces: { imageId: string; faceId: string; embeddingId: string }[];
  const vectors = new Vectors(dimension, 7);

  beforeAll(async () => {
    database = await freshDatabase();
    const model = await addModel(database, 'strangers', dimension);
    if (how === 'through the index') await database.rows('select watchpost.index_strangers($1)', [model]);
    faces = [];
    const centres = Array.from({ length: 7 }, () => vectors.any());
    for (let i = 0; i < 120; i++) {
      const centre = centres[i % centres.length] as number[];
      const vector = i % 11 === 0 ? vectors.any() : vectors.near(centre, 0.78 + 0.14 * vectors.random());
      faces.push(await addFace(database, { model, vector }));
    }
  });

  /** Compares the groups with those of DBSCAN over the same faces. */
  const expectDbscan = async (): Promise<{ groups: string[][]; border: number; noise: number }> => {
    const rows = await database.rows<Face>(
      'select face_id as id, stranger_id as "group", core from watchpost.stranger_face',
    );
    const pairs = await database.rows<{ a: string; b: string }>(
      `select a.face_id as a, b.face_id as b from watchpost.stranger_face a cross join watchpost.stranger_face b
       where watchpost.likeness(a.vector, b.vector) >= $1`,
      [similarity],
    );
    const near = new Map(rows.map((row) => [row.id, new Set<string>()]));
    for (const { a, b } of pairs) near.get(a)?.add(b);
    const plain = dbscan(near);

    const coreRows = rows.filter((row) => row.core);
    expect(new Set(coreRows.map((row) => row.id))).toEqual(plain.cores);
    const found = Map.groupBy(coreRows, (row) => row.group);
    const asSets = (groups: Iterable<Iterable<string>>) =>
      [...groups].map((ids) => [...ids].sort().join()).sort();
    expect(asSets([...found.values()].map((members) => members.map((row) => row.id)))).toEqual(
      asSets(plain.groups),
    );

    const groupOf = new Map(rows.map((row) => [row.id, row.group]));
    const others = rows.filter((row) => !row.core);
    for (const row of others) {
      const reachable = [...(near.get(row.id) ?? [])]
        .filter((id) => plain.cores.has(id))
        .map((id) => groupOf.get(id));
      expect(reachable.length === 0 ? [null] : reachable, 'noise, or at the border of its group').toContain(
        row.group,
      );
    }
    expect(await database.rows('select id from watchpost.stranger where stale')).toEqual([]);
    expect(
      await database.rows(
        `select id from watchpost.stranger as s where merged_into is null
         and not exists (select from watchpost.stranger_face as f where f.stranger_id = s.id)`,
      ),
      'groups of nobody',
    ).toEqual([]);
    return {
      groups: plain.groups.map((group) => [...group].sort()),
      border: others.filter((row) => row.group).length,
      noise: others.filter((row) => !row.group).length,
    };
  };

  const shuffled = () => faces.map((face) => ({ face, key: vectors.random() })).sort((a, b) => a.key - b.key);

  it('are the groups of DBSCAN, in any order and batches of faces', async () => {
    const seen = [];
    for (const batch of [500, 1, 7, 40]) {
      await database.rows('select watchpost.disable_strangers(true)');
      await searchAgain(
        database,
        shuffled().map(({ face }) => face.embeddingId),
      );
      await database.rows('select watchpost.enable_strangers($1, $2)', [similarity, minFaces]);
      await groupStrangers(database, batch);
      const { groups, border, noise } = await expectDbscan();
      expect(Math.min(groups.length, border, noise), 'there is something of everything').toBeGreaterThan(1);
      seen.push(groups.map((group) => group.join()).sort());
    }
    for (const groups of seen) expect(groups).toEqual(seen[0]);
  });

  it('stay the groups of DBSCAN when photos are deleted, and groups shrink, split and vanish', async () => {
    let { groups } = await expectDbscan();
    const leaving = shuffled().map(({ face }) => face.imageId);
    let [shrunk, parted] = [0, 0];
    while (leaving.length > 0) {
      await database.rows('delete from watchpost.image where id = any ($1)', [leaving.splice(0, 4)]);
      await groupStrangers(database);
      const before = groups;
      ({ groups } = await expectDbscan());
      for (const group of before) {
        const parts = groups.filter((part) => part.some((id) => group.includes(id)));
        if (parts.length > 1) parted++;
        if (parts.length === 1 && parts.flat().length < group.length) shrunk++;
      }
    }
    expect(Math.min(shrunk, parted), 'both have happened').toBeGreaterThan(0);
    expect(await database.rows('select id from watchpost.stranger')).toEqual([]);
  });
});
