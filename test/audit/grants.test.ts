import { beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase, type TestDatabase } from '../support/database.ts';

const roles = ['work', 'api', 'reader', 'reviewer', 'submitter'];
const privileges = ['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger'];

let database: TestDatabase;
beforeAll(async () => {
  database = await freshDatabase();
});

/** One line for each table or view: what may be done with all of it, or with which of its columns. */
const tablesOf = async (role: string): Promise<string[]> => {
  const rows = await database.rows(
    `select c.relname as name, p.privilege,
       has_table_privilege($1, c.oid, p.privilege) as whole,
       array(
         select a.attname::text from pg_attribute as a
         where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
           and p.privilege in ('select', 'insert', 'update', 'references')
           and has_column_privilege($1, c.oid, a.attnum, p.privilege)
         order by a.attname
       ) as columns,
       array(
         select a.attname::text from pg_attribute as a
         where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
           and p.privilege in ('select', 'insert', 'update', 'references')
           and not has_column_privilege($1, c.oid, a.attnum, p.privilege)
         order by a.attname
       ) as others
     from pg_class as c
     cross join unnest($2::text[]) with ordinality as p (privilege, place)
     where c.relnamespace = 'watchpost'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'S')
     order by c.relname, p.place`,
    [`watchpost_${role}`, privileges],
  );
  const lines = new Map<string, string[]>();
  for (const { name, privilege, whole, columns, others } of rows) {
    if (!whole && columns.length === 0) continue;
    const some =
      others.length < columns.length ? ` (all but ${others.join(', ')})` : ` (${columns.join(', ')})`;
    lines.set(name, [...(lines.get(name) ?? []), `${privilege}${whole ? '' : some}`]);
  }
  return [...lines].map(([name, words]) => `${name}: ${words.join(', ')}`);
};

/** The functions that a role may call and not everybody: those that look past row-level security are marked. */
const functionsOf = async (role: string): Promise<string[]> => {
  const rows = await database.rows(
    `select p.oid::regprocedure::text as name, p.prosecdef as definer, has_function_privilege($1, p.oid, 'execute') as may
     from pg_proc as p
     where p.pronamespace = 'watchpost'::regnamespace and p.prorettype <> 'trigger'::regtype
       and not has_function_privilege('pg_monitor', p.oid, 'execute')`,
    [`watchpost_${role}`],
  );
  // Most are granted to workers, so that what is not is the shorter list.
  const wanted = rows.filter(({ may }) => may === (role !== 'work'));
  return wanted
    .map(
      ({ name, definer }) => `${name.replace('watchpost.', '')}${definer ? ' with its owner’s rights' : ''}`,
    )
    .toSorted();
};

describe('the rights of the roles', () => {
  // After a change: npm test -- test/audit/grants.test.ts -u, and read what has changed in the file.
  it('are those of the file grants.txt: a new grant is seen there', async () => {
    const pages: string[] = [];
    for (const role of roles) {
      const title = role === 'work' ? 'may call every function but' : 'may call';
      const parts = [
        `# watchpost_${role}`,
        ...(await tablesOf(role)),
        '',
        `## watchpost_${role} ${title}`,
        ...(await functionsOf(role)),
      ];
      pages.push(parts.join('\n'));
    }
    await expect(`${pages.join('\n\n')}\n`).toMatchFileSnapshot('grants.txt');
  });
});

describe('watchpost_api', () => {
  it.each(['embedding', 'reference', 'person_vector', 'stranger_face', 'stranger_candidate'])(
    'reads no vector of %s',
    async (table) => {
      const [{ may }] = (await database.rows(
        `select has_column_privilege('watchpost_api', 'watchpost.' || $1, 'vector', 'select') as may`,
        [table],
      )) as [{ may: boolean }];
      expect(may).toBe(false);
    },
  );
});
