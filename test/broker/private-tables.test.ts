import { readdir, readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { freshDatabase } from '../support/database.ts';

const root = new URL('../../', import.meta.url);

/** The columns that sql/2-broker/private-tables.sql was written for, in graphile-worker 0.18.0. */
const writtenFor = {
  _private_job_queues: [
    'id integer',
    'queue_name text',
    'locked_at timestamp with time zone',
    'locked_by text',
    'is_available boolean',
  ],
  _private_jobs: [
    'id bigint',
    'job_queue_id integer',
    'task_id integer',
    'payload json',
    'priority smallint',
    'max_attempts smallint',
    'attempts smallint',
    'last_error text',
    'created_at timestamp with time zone',
    'updated_at timestamp with time zone',
    'key text',
    'locked_at timestamp with time zone',
    'locked_by text',
    'revision integer',
    'flags jsonb',
    'run_at timestamp with time zone',
    'is_available boolean',
  ],
  _private_tasks: ['id integer', 'identifier text'],
};

it("graphile-worker's private tables are those that our functions were written for", async () => {
  const database = await freshDatabase();
  const columns = await database.rows(
    `select c.relname as name, a.attname || ' ' || format_type(a.atttypid, a.atttypmod) as column
     from pg_attribute as a join pg_class as c on c.oid = a.attrelid
     where c.relnamespace = 'graphile_worker'::regnamespace and c.relname = any ($1)
       and a.attnum > 0 and not a.attisdropped
     order by c.relname, a.attname`,
    [Object.keys(writtenFor)],
  );
  const found: Record<string, string[]> = {};
  for (const { name, column } of columns) found[name] = [...(found[name] ?? []), column];
  const sorted = Object.entries(writtenFor).map(([name, list]) => [name, list.toSorted()]);
  expect(Object.fromEntries(Object.entries(found).map(([name, list]) => [name, list.toSorted()]))).toEqual(
    Object.fromEntries(sorted),
  );
});

it("graphile-worker's private tables are named in one file", async () => {
  const naming: string[] = [];
  for (const folder of ['sql', 'src', 'migrations']) {
    for (const file of await readdir(new URL(folder, root), { recursive: true, withFileTypes: true })) {
      if (!file.isFile()) continue;
      const path = `${file.parentPath}/${file.name}`;
      if ((await readFile(path, 'utf8')).includes('graphile_worker._private')) naming.push(path);
    }
  }
  expect(naming).toEqual([expect.stringMatching(/sql\/2-broker\/private-tables\.sql$/)]);
});

it('graphile-worker is pinned to the version that this was written for', async () => {
  const read = async (path: string) => JSON.parse(await readFile(new URL(path, root), 'utf8'));
  const { dependencies } = await read('package.json');
  const { version } = await read('node_modules/graphile-worker/package.json');
  expect([dependencies['graphile-worker'], version]).toEqual(['0.18.0', '0.18.0']);
});
