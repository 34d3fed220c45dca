import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const fromRoot = (path: string): URL => new URL(`../${path}`, import.meta.url);

const folders = readdirSync(fromRoot('src'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)
  .sort();

/** A row of the table in CONTRIBUTING. */
interface Row {
  /** For example `src/http/`. */
  readonly place: string;
  /** Its folder of src; undefined for a row about single files. */
  readonly folder: string | undefined;
  readonly holds: string;
  /** Folders of src, or `all`. */
  readonly mayUse: readonly string[];
}

const contributing = readFileSync(fromRoot('CONTRIBUTING.md'), 'utf8');
const table: readonly Row[] = [...contributing.matchAll(/^\| `(src\/[^`]*)` \| (.*?) \| (.*?) ?\|$/gm)].map(
  ([, place = '', holds = '', mayUse = '']) => ({
    place,
    folder: /^src\/([a-z-]+)\/$/.exec(place)?.[1],
    holds,
    mayUse: mayUse.split(', ').filter(Boolean),
  }),
);

const withIndex = table
  .filter(({ holds }) => holds.includes('others import `index.ts` only'))
  .map((row) => row.folder);

/** Globs of the files that a row is about. */
const filesOf = ({ place }: Row): string[] => {
  if (place === 'src/*.ts') return ['src/*.ts', '!src/main.ts'];
  return [place.endsWith('/') ? `${place}**` : place];
};

/** Patterns of the imports that a row does not allow. */
const refusedBy = (row: Row): string[] =>
  folders.flatMap((folder) => {
    if (folder === row.folder) return [];
    if (!row.mayUse.includes(folder) && !row.mayUse.includes('all')) return [`**/${folder}/**`];
    return withIndex.includes(folder) ? [`**/${folder}/*`, `!**/${folder}/index.ts`] : [];
  });

const message = 'The table in CONTRIBUTING, "Folders", does not allow this import.';

/** What biome.json extends: an override for each row. */
const rules = {
  overrides: table.map((row) => ({
    includes: filesOf(row),
    linter: {
      rules: {
        style: {
          noRestrictedImports: {
            level: 'error',
            options: { patterns: [{ group: refusedBy(row), message }] },
          },
        },
      },
    },
  })),
};

describe('the table of folders in CONTRIBUTING', () => {
  it('has a row for each folder of src, and allows no other', () => {
    expect(table.flatMap(({ folder }) => folder ?? []).sort()).toEqual(folders);
    const allowed = new Set(table.flatMap(({ mayUse }) => mayUse));
    expect([...allowed].filter((name) => name !== 'all' && !folders.includes(name))).toEqual([]);
  });

  it('allows no circle of folders', () => {
    const left = new Set(folders);
    const isFree = (folder: string) =>
      !table.find((row) => row.folder === folder)?.mayUse.some((used) => left.has(used));
    let free: string[];
    do {
      free = [...left].filter(isFree);
      for (const folder of free) left.delete(folder);
    } while (free.length > 0);
    expect([...left]).toEqual([]);
  });

  // After a change of the table: npm test -- test/folders.test.ts -u
  it('is what the linter enforces', async () => {
    await expect(`${JSON.stringify(rules, null, 2)}\n`).toMatchFileSnapshot('../biome.folders.json');
  });
});
