import { readdir, readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { migrate } from '../../src/database/migrate.ts';
import { openLog } from '../../src/log.ts';
import { stages } from '../../src/stages/index.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';

const root = new URL('../../', import.meta.url);
const read = (path: string) => readFile(new URL(path, root), 'utf8');
const codes = (text: string) => [...text.matchAll(/`([^`]+)`/g)].map(([, code]) => code as string);

let database: TestDatabase;
/** The rows of a fresh installation, as "topic -> task". */
let wiring: string[];

beforeAll(async () => {
  database = await freshDatabase();
  wiring = (await database.rows('select topic, task from watchpost.subscription')).map(
    ({ topic, task }) => `${topic} -> ${task}`,
  );
  wiring.sort();
});

describe('the wiring of a fresh installation', () => {
  it('is the table of docs/how-it-works.md', async () => {
    const [, table] =
      /\| [^|]+ \| event \| task \|.*\n\|[-|]+\n((?:\|.*\n)+)/.exec(await read('docs/how-it-works.md')) ?? [];
    const rows = (table ?? '').trim().split('\n');
    const pairs = rows.flatMap((row) => {
      const [, , topics, tasks] = row.split('|') as [string, string, string, string];
      return codes(topics).map((topic) => `${topic} -> ${codes(tasks)[0]}`);
    });
    expect(pairs.toSorted()).toEqual(wiring);
  });

  it('is what the file of each stage in sql/3-stages says that it consumes', async () => {
    const files = await readdir(new URL('sql/3-stages/', root));
    const pairs: string[] = [];
    for (const file of files) {
      const [head] = (await read(`sql/3-stages/${file}`)).split('\n\n') as [string];
      const [, topics] = /consumes (.+?) ·/.exec(head.replaceAll('\n--', '')) ?? [];
      if (!topics || topics === 'nothing') continue;
      pairs.push(...topics.split(', ').map((topic) => `${topic} -> ${file.replace('.sql', '')}`));
    }
    expect(pairs.toSorted()).toEqual(wiring);
  });

  it('is the list in the file that \\d+ refers to', async () => {
    const [{ comment }] = await database.rows(
      "select obj_description('watchpost.subscription'::regclass, 'pg_class') as comment",
    );
    const [file] = /sql\/\S+\.sql/.exec(comment) ?? [''];
    const rows = (await read(file)).matchAll(/^ {2}\('(\S+)', +'(\S+)', +(?:true|false),/gm);
    expect([...rows].map(([, topic, task]) => `${topic} -> ${task}`).toSorted()).toEqual(wiring);
  });

  it('hands events to stages that exist, and to all of them', () => {
    const tasks = new Set(wiring.map((pair) => pair.split(' -> ')[1]));
    expect([...tasks].toSorted()).toEqual(stages.map((stage) => stage.task).toSorted());
  });
});

it('applied again, restores its rows except for the switch, and leaves other consumers alone', async () => {
  const subscriptions = () =>
    database.rows('select to_jsonb(s) as row from watchpost.subscription as s order by topic, task');
  await database.rows(`
    insert into watchpost.subscription (topic, task, batch_size) values ('face.detected', 'siren', 7);
    update watchpost.subscription set enabled = not enabled where task in ('describe', 'deliver');
  `);
  const wanted = await subscriptions();
  await database.rows(`
    update watchpost.subscription
      set batch_size = 9, max_attempts = 9, priority = 9, delivery = 'claim', queue_by = 'x' where task = 'deliver';
    delete from watchpost.subscription where task = 'enrol';
    update watchpost.migration set sha256 = 'older' where name = 'sql/2-broker/wiring.sql';
  `);
  const [{ n }] = await database.rows('select count(*)::int as n from watchpost.event');

  expect(await migrate(database.pool, openLog('silent'))).toContain('sql/2-broker/wiring.sql');

  const withoutTime = (rows: { row: Record<string, unknown> }[]) =>
    rows.map(({ row: { created_at, ...row } }) => row);
  expect(withoutTime(await subscriptions())).toEqual(withoutTime(wanted));
  const changes = await database.rows(
    `select payload ->> 'task' as task, topic from watchpost.event order by id offset $1`,
    [n],
  );
  expect(changes.toSorted((a, b) => a.task.localeCompare(b.task))).toEqual([
    { task: 'deliver', topic: 'subscription.changed' },
    { task: 'enrol', topic: 'subscription.changed' },
  ]);
});
