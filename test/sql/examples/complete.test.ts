import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { watchpost } from '../../commands/support.ts';
import { freshDatabase, type TestDatabase } from '../../support/database.ts';
import { examplesFolder, variablesOf } from '../../support/examples.ts';
import { addKnownPeople, addModel } from '../../support/fabricate.ts';
import { Vectors } from '../../support/vectors.ts';

const examples = readdirSync(examplesFolder).sort();

describe('sql/examples', () => {
  it('has no file that no test runs', () => {
    const here = new URL('.', import.meta.url);
    const tests = readdirSync(here).map((name) => readFileSync(new URL(name, here), 'utf8'));
    const tested = new Set(
      tests.flatMap((text) => [...text.matchAll(/\brun\(\s*'([^']+)'/g)].map((call) => call[1])),
    );
    expect(examples.filter((name) => !tested.has(name))).toEqual([]);
  });
});

describe('sql -f, in a database of 200 people with a camera and two lists', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await freshDatabase();
    const model = await addModel(database, 'sixteen', 16);
    const vectors = new Vectors(16, 1);
    const faces = Array.from({ length: 200 }, () => vectors.any());
    await addKnownPeople(database, {
      model,
      vectors: faces.map((face) => [vectors.near(face, 0.97), vectors.near(face, 0.97)]),
    });
    await database.rows(`insert into watchpost.watchlist (name) values ('missing'), ('wanted')`);
    await database.rows(`insert into watchpost.camera (name, location) values ('north-gate', 'North gate')`);
  });

  // In the order of their names: add-an-endpoint is before rotate-a-secret.
  it.each(examples)('runs %s', async (name) => {
    const file = fileURLToPath(new URL(name, examplesFolder));
    const text = readFileSync(file, 'utf8');
    const variables = variablesOf(name, text);
    const [, documented = ''] = /^-- Variables: (.+)\.$/m.exec(text) ?? [];
    expect(
      documented
        .replace(/ \([^)]*\)/g, '')
        .split(', ')
        .filter(Boolean)
        .toSorted(),
    ).toEqual(Object.keys(variables));
    const given = Object.entries(variables).flatMap(([variable, value]) => ['-v', `${variable}=${value}`]);
    const { code, stdout, stderr } = await watchpost(['sql', '-f', file, ...given], {
      DATABASE_URL: database.url,
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/\S/);
  });
});
