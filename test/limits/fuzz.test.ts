import { Agent, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { problems } from '../../src/errors.ts';
import type { NewKey } from '../../src/http/key-store.ts';
import { openLog } from '../../src/log.ts';
import { startMetrics } from '../../src/monitoring/metrics/index.ts';
import { type Api, admit, keyWith, listen } from '../http/support.ts';
import { atEnd } from '../support/at-end.ts';
import { animatedWebp, svg, textFile } from '../support/bad-photos.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { realVision, runWorker } from '../support/pipeline.ts';
import { fillSite } from '../support/sites.ts';
import { randomOf } from './fuzz/random.ts';
import { type Call, callTo, type Route } from './fuzz/requests.ts';
import { type Outcome, send, sendBroken } from './fuzz/send.ts';
import { prepare, readState, refresh, type State, untilCalm } from './fuzz/state.ts';

/** Replays a run: `WATCHPOST_FUZZ_SEED=5 npm run fuzz`. */
const seed = Number(process.env.WATCHPOST_FUZZ_SEED ?? 1);
const requests = Number(process.env.WATCHPOST_FUZZ_REQUESTS ?? (onServer ? 1_800 : 900));
/** Only this kind of key. */
const onlyKind = process.env.WATCHPOST_FUZZ_KEY;
/** Requests under way at a time, and requests after which the state is made again. */
const [atOnce, round] = [8, 250];
const patience = 30_000;

/** Codes of a 503 that mean a limit, not an error. */
const busy = new Set(['server_busy', 'search_busy', 'streams_full']);
/** Internal texts of the server, which no answer may contain. */
const inside =
  /\.[tj]s:\d+|node_modules|\bat \w+ \(|ECONN|violates|syntax error|relation "|out of range for type/;

let database: TestDatabase;
let api: Api;
let endpointUrl: string;
let photos: Buffer[];
/** The keys that calls are made with, in turn, by their kind. */
let keys: [kind: string, key: string][];
/** What is at a site that the bound keys do not see; keys of all sites leave it alone. Its names end with "of hidden". */
let hidden: State;

const bound = ['site', 'camera', 'list'];

const makeKeys = async (): Promise<[string, string][]> => {
  const made = (kind: string, wanted: Partial<NewKey>) =>
    keyWith(database, { name: `fuzz ${kind}`, ...wanted }).then(({ key }): [string, string] => [kind, key]);
  await database.rows(`insert into watchpost.watchlist (name, purpose) values ('bound', 'a test')`);
  const [scopes, sites] = [['administer'] as const, ['default']];
  return [
    ['everything', api.key],
    ['none', 'unknown'],
    await made('submit', { scopes: ['submit'] }),
    await made('read', { scopes: ['read'] }),
    await made('enrol', { scopes: ['enrol'] }),
    await made('review', { scopes: ['review'] }),
    await made('site', { scopes, sites }),
    await made('camera', { scopes, sites, cameras: ['gate'] }),
    await made('list', { scopes, sites, watchlists: ['bound'] }),
  ];
};

/** The state without what is hidden, or with it. */
const stateFor = (kind: string, state: State): State =>
  Object.fromEntries(
    Object.entries(state).map(([word, ids]) => {
      // What is of no site is in both.
      if (['tasks', 'tasks to pause', 'sites', 'kinds of what is kept'].includes(word)) return [word, ids];
      const visible = ids.filter((id) => !hidden[word]?.includes(id));
      return [
        word,
        bound.includes(kind) ? [...visible.slice(0, 8), ...(hidden[word] ?? []).slice(0, 4)] : visible,
      ];
    }),
  );

/** What of the hidden site is in an answer and was not sent; undefined if nothing is. */
const leakOf = ({ text }: Outcome, call: Call): string | undefined => {
  // A signed link shows its alert to whoever has it; the fuzz takes those of all sites.
  if (call.path.startsWith('/links/')) return undefined;
  const sent = `${decodeURIComponent(call.path.replace(/%(?![0-9a-f]{2})/gi, '%25').replace(/%[89a-f][0-9a-f]/gi, ''))} ${call.body?.toString() ?? ''}`;
  const ids = Object.values(hidden).flat();
  const marks = [
    ...(text.match(/[\w ]+ of hidden/g) ?? []),
    ...ids.filter((id) => id.length > 20 && text.includes(id)),
  ];
  return marks.find((mark) => !sent.includes(mark) && !sent.replaceAll('+', ' ').includes(mark));
};

beforeAll(async () => {
  database = await freshDatabase();
  const vision = await realVision();
  // Before a worker would do the same. Nothing is sent to its endpoint.
  const { endpointId, siteId } = await fillSite(database, 'hidden', 2);
  await database.rows('update watchpost.endpoint set enabled = false where id = $1', [endpointId]);
  hidden = { ...(await readState(database)), sites: [siteId] };
  const worker = await runWorker(database, vision);
  const process = { id: worker.id, nudge: () => worker.nudge() };
  // Without those of the installation, which name the cameras of all sites.
  const metrics = startMetrics(database, { installation: false, log: openLog('silent') });
  api = await listen(database, vision, process, { metrics: 'loopback' }, undefined, { metrics });
  await admit(database, api);
  const receiver = createServer((_, response) => response.end()).listen(0, '127.0.0.1');
  atEnd(() => receiver.close());
  await new Promise((resolve) => receiver.once('listening', resolve));
  endpointUrl = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
  const small = await sharp(sample(4)).resize(160).jpeg().toBuffer();
  const tiny = await sharp(sample(4)).resize(16).png().toBuffer();
  photos = [small, small, small, tiny, small.subarray(0, 700), textFile(), svg(), await animatedWebp()];
  await prepare(database);
  keys = (await makeKeys()).filter(([kind]) => onlyKind === undefined || kind === onlyKind);
});

/** Why an outcome is a failure; undefined if it is not. */
const faultOf = ({ status, type, text }: Outcome): string | undefined => {
  // Node itself answers an unknown Expect header and an invalid URL.
  if (status === 0 || status === 417 || (status === 400 && text === '')) return undefined;
  if (status >= 400 && text !== '') {
    if (type !== 'application/problem+json') return `no problem details but ${type}`;
    const { code, detail, hint } = JSON.parse(text) as {
      code: keyof typeof problems;
      detail: string;
      hint?: string;
    };
    if (problems[code]?.status !== status) return `the code ${code} with the status ${status}`;
    if (inside.test(`${detail} ${hint}`)) return 'it shows internal text';
    if (busy.has(code)) return undefined;
  }
  return status >= 500 ? 'an error of the server' : undefined;
};

const shown = (call: Call) =>
  `${call.method} ${call.path.slice(0, 300)} ${JSON.stringify(call.headers).slice(0, 600)} ${call.body?.subarray(0, 600).toString()}`;

/** Expects a valid call to succeed. */
const expectHealth = async () => {
  expect((await api.call('GET', '/readyz')).status).toBe(200);
  const answer = await api.call('POST', '/v1/images', photos[0], { 'content-type': 'image/jpeg' });
  expect(answer.status).toBe(202);
  expect((await api.call('GET', `/v1/images/${answer.body.id}`)).status).toBe(200);
};

describe(`${requests} requests over all routes, seed ${seed}${onServer ? '' : ` (fewer on the embedded database) ${needsServer}`}`, () => {
  it('cause no internal error, show no internal text, and leave the server healthy', {
    timeout: Math.max(900_000, requests * 100),
  }, async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: atOnce });
    atEnd(() => agent.destroy());
    const faults: string[] = [];
    const statuses: Record<string, number> = {};
    const perKind: Record<string, number> = {};
    const succeeded = new Set<Route>();

    const attempt = async (
      index: number,
      every: State,
      [kind, key] = keys[Math.floor(index / api.routes.length) % keys.length] as [string, string],
      valid = false,
    ) => {
      const random = randomOf(seed * 1_000_003 + index);
      const route = api.routes[index % api.routes.length] as Route;
      const state = stateFor(kind, every);
      const call = callTo(route, { random, state, photos, endpointUrl, index }, { valid });
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error('no answer')), patience);
      });
      const sent = random.chance(valid ? 0 : 0.05)
        ? sendBroken(api.url, key, call, random)
        : send(api.url, key, call, agent);
      const outcome = await Promise.race([sent, late]).catch((error) => {
        faults.push(`${index}, ${kind}: ${error.message}: ${shown(call)}`);
        return undefined;
      });
      clearTimeout(timer);
      if (!outcome) return;
      statuses[outcome.status] = (statuses[outcome.status] ?? 0) + 1;
      perKind[kind] = (perKind[kind] ?? 0) + 1;
      if (outcome.status < 300 && outcome.status >= 200) succeeded.add(route);
      const leak = bound.includes(kind) || kind === 'none' ? leakOf(outcome, call) : undefined;
      const fault = leak ? `it shows ${leak} of another site` : faultOf(outcome);
      if (fault)
        faults.push(
          `${index}, ${kind}: ${fault}: ${outcome.status} ${outcome.text.slice(0, 400)} to ${shown(call)}`,
        );
    };

    let latest = await refresh(database, { photo: photos[0] as Buffer, endpointUrl });
    for (let first = 0; first < requests && faults.length < 20; first += round) {
      const state = await refresh(database, { photo: photos[0] as Buffer, endpointUrl });
      let next = first;
      const last = Math.min(first + round, requests);
      const sender = async () => {
        while (next < last) await attempt(next++, state);
      };
      await Promise.all(Array.from({ length: atOnce }, sender));
      await expectHealth();
    }

    // Whether a valid call meets what it needs depends on how far the worker is: some routes take a few more calls. They are
    // valid.
    const { length } = api.routes;
    const every = keys.find(([kind]) => kind === 'everything');
    // Without the page, and what is for browsers that have a session.
    const byKey = api.routes.filter(({ path }) => !/^\/(session|$)/.test(path));
    for (const [position, route] of every ? api.routes.entries() : []) {
      if (!byKey.includes(route)) continue;
      for (let more = 0; more < 500 && !succeeded.has(route); more++) {
        // On a slow machine the worker may be thousands of photos behind.
        if (more % 200 === 100) await untilCalm(database);
        // What there is serves several calls: to make it again takes as long as dozens of them.
        if (more % 25 === 5) latest = await refresh(database, { photo: photos[0] as Buffer, endpointUrl });
        await attempt((Math.ceil(requests / length) + more) * length + position, latest, every, true);
      }
    }

    if (process.env.WATCHPOST_FUZZ_SEED) {
      process.stdout.write(
        `seed ${seed}: ${api.routes.length} routes, by status ${JSON.stringify(statuses)}, by key ${JSON.stringify(perKind)}\n`,
      );
    }
    expect(faults).toEqual([]);
    if (every) expect(byKey.filter((route) => !succeeded.has(route))).toEqual([]);
    await untilCalm(database);
    // What makes the alerts of the state and the hidden site by SQL writes a search that the worker then makes too.
    const broken = await database.rows(
      `select * from watchpost.invariant
       where rule <> 'searched_twice'
         or subject not in (select id::text from watchpost.embedding where model_id in ('alerts-model', 'sites-model'))`,
    );
    expect(broken).toEqual([]);
  });
});
