import { Command } from 'commander';
import { beforeAll, describe, expect, it } from 'vitest';
import { commands } from '../src/commands/catalogue.ts';
import { processIo } from '../src/commands/program/io.ts';
import { Session } from '../src/commands/program/session.ts';
import { watchpost } from './commands/support.ts';
import { type Api, serve } from './http/support.ts';
import { emptySky } from './support/bad-photos.ts';
import type { TestDatabase } from './support/database.ts';
import { addFace, addModel } from './support/fabricate.ts';

/** One name in two forms: as most systems write it, and as a Mac writes it. */
const composed = 'Jos\u00e9';
const decomposed = 'Jose\u0301';

let database: TestDatabase;
let api: Api;
beforeAll(async () => {
  ({ database, api } = await serve());
});

const run = (...args: string[]) => watchpost(args, { DATABASE_URL: database.url });
const one = async (statement: string, values: unknown[] = []) => (await database.rows(statement, values))[0];

describe('text that is compared, in either normalization form', () => {
  it.each([
    ['person', 'name', {}],
    ['person', 'external_ref', { name: 'Ada' }],
    ['watchlist', 'name', {}],
    ['camera', 'name', { location: 'Gate' }],
    ['camera', 'location', { name: 'one' }],
    ['camera', 'zone', { name: 'two', location: 'Gate' }],
    ['plan', 'name', { image: '\\x01', mime: 'image/png', width: 1, height: 1 }],
    ['endpoint', 'name', { url: 'https://a.example/' }],
    ['bridge', 'name', { kind: 'nats', direction: 'in', url: 'nats://a.example', address: 'a' }],
    ['api_key', 'name', { sha256: '\\x01', scopes: '{read}' }],
    ['image', 'submitted_by', { bytes: '\\x01', purpose: 'reference' }],
    ['image', 'idempotency_key', { bytes: '\\x01', purpose: 'reference' }],
  ])('is stored as one by an INSERT and an UPDATE of %s.%s', async (table, column, others) => {
    const row = { ...others, [column]: decomposed };
    const places = Object.keys(row).map((_, i) => `$${i + 1}`);
    const made = await one(
      `insert into watchpost.${table} (${Object.keys(row)}) values (${places}) returning id, ${column} as text`,
      Object.values(row),
    );
    expect(made.text).toBe(composed);
    const changed = await one(
      `update watchpost.${table} set ${column} = $2 where id = $1 returning ${column} as text`,
      [made.id, `${decomposed} B.`],
    );
    expect(changed.text).toBe(`${composed} B.`);
    await database.rows(`delete from watchpost.${table} where id = $1`, [made.id]);
  });

  it('is one reviewer, whoever sets the name', async () => {
    const { actor } = await one(
      `select set_config('watchpost.actor', $1, true), (select watchpost.actor()) as actor`,
      [decomposed],
    );
    expect(actor).toBe(composed);
  });

  it('is one camera, list, endpoint and bridge', async () => {
    await database.rows(`insert into watchpost.camera (name, location) values ($1, 'Gate')`, [composed]);
    await database.rows(`insert into watchpost.watchlist (name) values ($1)`, [composed]);
    await one(`select watchpost.add_endpoint(name => $1, url => 'https://a.example/')`, [composed]);
    await one(`select watchpost.add_bridge($1, 'nats', 'in', 'nats://a.example', 'a')`, [composed]);
    for (const call of ['find_camera($1)', 'find_endpoint($1)', 'find_bridge($1)'])
      expect(await one(`select watchpost.${call} is not null as found`, [decomposed])).toEqual({
        found: true,
      });
    for (const [path, body] of [
      ['/v1/cameras', { name: decomposed, location: 'Gate' }],
      ['/v1/watchlists', { name: decomposed }],
      ['/v1/endpoints', { name: decomposed, url: 'https://a.example/' }],
      [
        '/v1/bridges',
        { name: decomposed, kind: 'nats', direction: 'in', url: 'nats://a.example', address: 'a' },
      ],
    ] as const)
      expect((await api.call('POST', path, body)).body).toMatchObject({ code: 'name_taken' });
    for (const args of [
      ['camera', 'add', decomposed, '--location', 'Gate'],
      ['watchlist', 'add', decomposed],
      ['endpoint', 'add', decomposed, 'https://a.example/'],
      ['bridge', 'add', decomposed, '--from', 'nats://a.example', '--address', 'a'],
    ])
      expect((await run(...args)).stderr).toMatch(/is taken\.\n\(name_taken\)/);
  });

  it('finds people and their alerts over HTTP', async () => {
    const made = await api.call('POST', '/v1/persons', {
      name: decomposed,
      external_ref: decomposed,
      watchlists: [decomposed],
    });
    expect(made.body).toMatchObject({ name: composed, external_ref: composed });
    for (const filter of ['name', 'external_ref', 'watchlist']) {
      const { body } = await api.call('GET', `/v1/persons?${filter}=${encodeURIComponent(decomposed)}`);
      expect(body.persons).toMatchObject([{ id: made.body.id }]);
    }
    const alerts = await api.call('GET', `/v1/alerts?watchlist=${encodeURIComponent(decomposed)}`);
    expect(alerts.status).toBe(200);
    const photo = await api.call(
      'POST',
      `/v1/images?camera=${encodeURIComponent(decomposed)}`,
      await emptySky(),
      {
        'content-type': 'image/jpeg',
      },
    );
    expect(photo.status).toBe(202);
  });

  it('finds them on the command line', async () => {
    expect((await run('person', 'show', decomposed)).stdout).toMatch(new RegExp(`^${composed} `));
    expect((await run('person', 'list', '--name', decomposed)).stdout).toMatch(new RegExp(`^${composed} `));
    expect((await run('watchlist', 'take', decomposed, decomposed)).stdout).toBe(
      `${composed} is off ${composed}\n`,
    );
  });

  it('is one idempotency key, and one list for a stranger who is enrolled', async () => {
    const submit = (key: string) =>
      one(`select watchpost.submit_image(bytes => '\\x01', idempotency_key => $1) as id`, [key]);
    expect(await submit(composed)).toEqual(await submit(decomposed));
    const model = await addModel(database, 'four-numbers', 4);
    const { embeddingId, faceId } = await addFace(database, {
      model,
      vector: [1, 0, 0, 0],
      purpose: 'reference',
    });
    const stranger = await one('insert into watchpost.stranger (model_id) values ($1) returning id', [model]);
    await database.rows(
      `insert into watchpost.stranger_face (face_id, embedding_id, search_id, model_id, vector, norm, seen_at, neighbours, core, stranger_id)
       values ($1, $2, watchpost.uuidv7(), $3, '[1,0,0,0]', 10, now(), 1, false, $4)`,
      [faceId, embeddingId, model, stranger.id],
    );
    const made = await one(`select watchpost.enrol_stranger($1, $2, watchlists => array[$3]) as id`, [
      stranger.id,
      'Eve',
      decomposed,
    ]);
    expect(made.id).toBeTruthy();
  });
});

/** Placeholders of what is no text to be compared: files, addresses, statements and notes. */
const others = new Set([
  'file',
  'photo',
  'folder',
  'path',
  'url',
  'sql',
  'statement',
  'words',
  'interval',
  'json',
  'task',
  'file or digest',
  'source',
]);

interface Given {
  readonly of: string;
  readonly placeholder: string;
  readonly choices: readonly string[] | undefined;
  readonly parse: ((text: string, before: undefined) => unknown) | undefined;
}

const givenTo = (command: Command, path: string): Given[] => [
  ...command.registeredArguments.map((argument) => ({
    of: `${path} <${argument.name()}>`,
    placeholder: argument.name(),
    choices: argument.argChoices,
    parse: argument.parseArg as Given['parse'],
  })),
  ...command.options
    .filter((option) => /[<[]/.test(option.flags))
    .map((option) => ({
      of: `${path} ${option.long}`,
      placeholder: /[<[]([^.>\]]+)/.exec(option.flags)?.[1] ?? '',
      choices: option.argChoices,
      parse: option.parseArg as Given['parse'],
    })),
  ...command.commands.flatMap((child) => givenTo(child, `${path} ${child.name()}`)),
];

it('every command takes names and keys in either form', async () => {
  const program = new Command();
  for (const { load } of commands) (await load())(program, new Session(processIo));
  const careless = givenTo(program, '').filter(({ placeholder, choices, parse }) => {
    if (others.has(placeholder) || choices) return false;
    if (!parse) return true;
    try {
      return JSON.stringify(parse(decomposed, undefined))?.includes(decomposed);
    } catch {
      // A number, a time or a word of a few.
      return false;
    }
  });
  expect(careless.map(({ of }) => of)).toEqual([]);
});
