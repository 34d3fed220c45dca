import { beforeAll, describe, expect, it } from 'vitest';
import { toWatchpostError } from '../../src/convert-error.ts';
import { templateNames } from '../../src/endpoints/template.ts';
import { type LimitName, limits } from '../../src/limits.ts';
import { raiseAlert } from '../support/alerts.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';

/** Limits that the database enforces. */
type DatabaseLimit = {
  [Name in LimitName]: 'database' extends (typeof limits)[Name]['at'][number] ? Name : never;
}[LimitName];

let database: TestDatabase;
beforeAll(async () => {
  database = await freshDatabase();
  await raiseAlert(database);
  await database.rows(`insert into watchpost.person (name) values ('Ada'), ('Eve')`);
  await database.rows(`insert into watchpost.watchlist (name) values ('wanted')`);
  await database.rows(`insert into watchpost.image (bytes) values ('a photo')`);
});

/** Runs a statement and rolls it back: `done`, or the code and the sentence that HTTP would answer. */
const attempt = async (statement: string, value: unknown): Promise<{ code: string; message: string }> => {
  const client = await database.pool.connect();
  try {
    await client.query('begin');
    await client.query(statement, [value]);
    return { code: 'done', message: '' };
  } catch (error) {
    const { code, message } = toWatchpostError(error);
    return { code, message };
  } finally {
    await client.query('rollback');
    client.release();
  }
};

const insert = (table: string, column: string, others = '', values = '') =>
  `insert into watchpost.${table} (${column}${others}) values ($1${values})`;
const update = (table: string, column: string) => `update watchpost.${table} set ${column} = $1`;
const photo = (column: string) => insert('image', column, ', bytes', `, 'a photo'`);
const aPerson = `(select id from watchpost.person where name = 'Ada')`;
const another = `(select id from watchpost.person where name = 'Eve')`;
const aList = `(select id from watchpost.watchlist where name = 'wanted')`;
const anAlert = '(select id from watchpost.alert)';
const anImage = '(select id from watchpost.image limit 1)';
const endpoint = (column: string) =>
  insert(
    'endpoint',
    column,
    column === 'url' ? ', name' : ', name, url',
    column === 'url' ? `, 'e'` : `, 'e', 'https://a.example'`,
  );
const bridge = (column: 'name' | 'address') =>
  insert(
    'bridge',
    column,
    `, kind, direction, url, ${column === 'name' ? 'address' : 'name'}`,
    `, 'nats', 'in', 'nats://a.example', 'x'`,
  );
const removed = insert(
  'person_photo',
  'removal_reason',
  ', person_id, image_id, removed_at, removed_by',
  `, ${aPerson}, ${anImage}, now(), 'me'`,
);
const review = (column: string) =>
  `insert into watchpost.alert_review (alert_id, decision, ${column}${column === 'note' ? ', reviewer' : ''})
   values (${anAlert}, 'confirmed', $1${column === 'note' ? `, 'me'` : ''})`;

const calibration = (column: string, other: string) =>
  insert(
    'calibration',
    column,
    `, ${other}, model_id, people, photos, probes, strangers, created_by`,
    `, 'x', (select id from watchpost.model where role = 'embedder' limit 1), 2, 2, 2, 1, 'me'`,
  );

const long = (count: number) => '𝔵'.repeat(count);
const names = [
  insert('camera', 'name', ', location', `, 'here'`),
  insert('camera', 'location', ', name', `, 'gate'`),
  insert('camera', 'zone', ', name, location', `, 'gate', 'here'`),
  insert('person', 'name'),
  update('person', 'name'),
  insert('watchlist', 'name'),
  insert('endpoint', 'name', ', url', `, 'https://a.example'`),
  bridge('name'),
  insert('api_key', 'name', ', sha256, scopes', `, sha256('a'), '{read}'`),
];
const keyLimits = ['rate_per_minute', 'max_streams', 'max_backlog'].map((column) =>
  insert('api_key', column, ', name, sha256, scopes', `, 'key', sha256('a'), '{read}'`),
);
const tokens = [
  insert('person', 'external_ref', ', name', `, 'Ada'`),
  photo('idempotency_key'),
  photo('submitted_by'),
  update('image', 'submitted_by'),
  `select watchpost.submit_image('a photo', idempotency_key => $1)`,
  insert('cannot_link', 'created_by', ', person_id, other_person_id', `, ${aPerson}, ${another}`),
  review('reviewer'),
  bridge('address'),
  insert('task_pause', 'task'),
  `select watchpost.pause($1)`,
];
const texts = [
  insert('watchlist', 'purpose', ', name', `, 'list'`),
  update('watchlist', 'purpose'),
  insert('cannot_link', 'reason', ', person_id, other_person_id', `, ${aPerson}, ${another}`),
  removed,
  review('note'),
  insert('endpoint', 'disabled_reason', ', name, url, enabled', `, 'e', 'https://a.example', false`),
  calibration('source', 'command'),
  calibration('command', 'source'),
  `select watchpost.switch_task('describe', true, $1)`,
  `select watchpost.dismiss(${anAlert}, 'not_them', $1)`,
  `select watchpost.acknowledge(${anAlert}, $1)`,
];
const templates = [endpoint('title_template'), endpoint('text_template')];
const metadata = [insert('person', 'metadata', ', name', `, 'Ada'`), update('person', 'metadata')];
const times = [
  insert('watchlist', 'valid_until', ', name', `, 'list'`),
  insert('watchlist', 'valid_from', ', name', `, 'list'`),
  insert('person', 'created_at', ', name', `, 'Ada'`),
  insert('camera', 'created_at', ', name, location', `, 'gate', 'here'`),
  insert('watchlist_entry', 'created_at', ', person_id, watchlist_id', `, ${aPerson}, ${aList}`),
  insert('endpoint', 'created_at', ', name, url', `, 'e', 'https://a.example'`),
  insert('api_key', 'expires_at', ', name, sha256, scopes', `, 'key', sha256('a'), '{read}'`),
];
const intervals = [
  insert('watchlist', 'cooldown', ', name', `, 'list'`),
  update('watchlist', 'cooldown'),
  insert('endpoint', 'time_to_live', ', name, url', `, 'e', 'https://a.example'`),
  insert('camera', 'track_gap', ', name, location', `, 'gate', 'here'`),
  `update watchpost.stranger_setting set visit_gap = $1`,
];
const objectOf = (bytes: number) => `{"a": "${'x'.repeat(bytes - '{"a": ""}'.length)}"}`;
const nested = (levels: number) => `{"a": ${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`;
const url = (characters: number) => 'https://a.example/'.padEnd(characters, 'x');
const soon = (seconds: number) => new Date(Date.now() + seconds * 1000).toISOString();
const photos = [
  photo('captured_at'),
  update('image', 'captured_at'),
  `select watchpost.submit_image('a photo', captured_at => $1)`,
];

/** For each limit, where it applies, the largest values, and values beyond. */
const cases: Record<
  Exclude<DatabaseLimit, 'storedPhotoBytes'>,
  { readonly at: readonly string[]; readonly largest: readonly string[]; readonly beyond: readonly string[] }
> = {
  nameCharacters: {
    at: names,
    largest: ['x', long(200), 'José Muñoz', '李小龙'],
    beyond: [
      long(201),
      '',
      ' ',
      '\u00a0',
      '\u200b\u2060',
      ' Ada',
      'Ada\u3000',
      'Ada\nEve',
      'A\u0007',
      'A\u0085b',
    ],
  },
  tokenCharacters: {
    at: tokens,
    largest: ['x', long(255)],
    beyond: [long(256), '', '  ', '\u200b', 'a\tb'],
  },
  textCharacters: { at: texts, largest: [long(2000), 'two\nlines'], beyond: [long(2001)] },
  templateCharacters: {
    at: templates,
    largest: [
      ...['x', long(2000), '{{person}} {{# place }}at {{.}}{{/place}}{{^ zone}}?{{/zone}}{{! a } note }}'],
      `{ ${templateNames.map((name) => `{{ ${name} }}`).join('{ ')} }`,
    ],
    beyond: [
      long(2001),
      '',
      '{{{person}}}',
      '{{ & person }}',
      '{{> file}}',
      '{{=<% %>=}}',
      '{{persn}}',
      '{{#lists}}',
      '{{}}',
    ],
  },
  urlCharacters: { at: [endpoint('url')], largest: [url(2000)], beyond: [url(2001)] },
  metadataBytes: {
    at: metadata,
    largest: ['{}', objectOf(16_384)],
    beyond: [objectOf(16_385), '[]', '"text"', '{"a": 1e20000}'],
  },
  metadataDepth: { at: metadata, largest: [nested(32)], beyond: [nested(33)] },
  capturedEarliest: {
    at: photos,
    largest: ['1826-01-01T00:00:00Z'],
    beyond: ['1825-12-31T23:59:59Z', '-infinity', '4713-01-01 BC'],
  },
  capturedAheadSeconds: {
    at: photos,
    largest: [soon(86_400 - 60)],
    beyond: [soon(86_400 + 60), '2099-01-01T00:00:00Z', 'infinity'],
  },
  times: {
    at: times,
    largest: ['9999-12-31T23:59:59.999Z'],
    beyond: ['10000-01-01T00:00:00Z', 'infinity'],
  },
  intervalSeconds: {
    at: intervals,
    largest: ['1 year', '31536000 seconds'],
    beyond: ['31536001 seconds', 'infinity', '1000 years'],
  },
  keyLimits: { at: keyLimits, largest: ['1', '1000000'], beyond: ['0', '-1', '1000001'] },
};

describe('limits of rows', () => {
  it.each(Object.entries(cases))('%s', async (name, { at, largest, beyond }) => {
    const { code } = limits[name as LimitName];
    for (const statement of at) {
      for (const value of largest) {
        expect(await attempt(statement, value), `${statement} ${value.slice(0, 40)}`).toMatchObject({
          code: 'done',
        });
      }
      for (const value of beyond) {
        const refusal = await attempt(statement, value);
        expect(refusal, `${statement} ${value.slice(0, 40)}`).toMatchObject({
          code,
          message: expect.stringMatching(/^\w+: give .*\.$/),
        });
      }
    }
  });

  it.skipIf(!onServer)(`storedPhotoBytes ${needsServer}`, async () => {
    // Made in the database, so that it is not sent.
    const bytes = `insert into watchpost.image (bytes) select convert_to(repeat('x', $1::integer), 'UTF8')`;
    const { max, code } = limits.storedPhotoBytes;
    expect(await attempt(bytes, max)).toMatchObject({ code: 'done' });
    expect(await attempt(bytes, max + 1)).toMatchObject({ code });
    expect(await attempt(bytes, 0)).toMatchObject({ code: 'body_empty' });
  });

  it('refuse NaN, infinity and null', async () => {
    for (const value of ['NaN', 'Infinity', '-Infinity']) {
      const insertList = (column: string) => insert('watchlist', column, ', name', `, 'list'`);
      expect(await attempt(insertList('threshold'), value)).toMatchObject({ code: 'threshold_invalid' });
      expect(await attempt(insertList('target_fpir'), value)).toMatchObject({ code: 'threshold_invalid' });
      expect(await attempt('select watchpost.threshold_for($1)', value)).toMatchObject({
        code: 'target_fpir_invalid',
      });
      expect(await attempt('select watchpost.enable_strangers(similarity => $1)', value)).toMatchObject({
        code: 'strangers_invalid',
      });
    }
    expect(await attempt('select watchpost.calibrate(max_probes => $1)', null)).toMatchObject({
      code: 'calibration_impossible',
    });
  });

  it('let a role that may only insert photos insert one', async () => {
    const client = await database.pool.connect();
    try {
      await client.query('begin');
      await client.query('set local role watchpost_submitter');
      await client.query(
        `insert into watchpost.image (bytes, captured_at, idempotency_key) values ('a photo', now(), 'frame-1')`,
      );
    } finally {
      await client.query('rollback');
      client.release();
    }
  });

  it('keep an event about the largest person small, for any actor', async () => {
    const client = await database.pool.connect();
    try {
      await client.query('begin');
      await client.query(`select set_config('watchpost.actor', repeat('x', 1000000), true)`);
      await client.query(`insert into watchpost.person (name, external_ref, metadata) values ($1, $2, $3)`, [
        long(200),
        long(255),
        objectOf(16_384),
      ]);
      await client.query('update watchpost.person set metadata = $1', [`{"b": "${'y'.repeat(16_370)}"}`]);
      const { rows } = await client.query(
        `select max(octet_length(payload::text)) as bytes from watchpost.full_event where topic = 'person.changed'`,
      );
      expect(rows[0].bytes).toBeLessThan(40_000);
    } finally {
      await client.query('rollback');
      client.release();
    }
  });
});
