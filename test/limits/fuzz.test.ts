import { Agent, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { problems } from '../../src/errors.ts';
import { type Api, serve } from '../http/support.ts';
import { atEnd } from '../support/at-end.ts';
import { animatedWebp, svg, textFile } from '../support/bad-photos.ts';
import { needsServer, onServer, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { type Call, callTo, type Route } from './fuzz/calls.ts';
import { randomOf } from './fuzz/random.ts';
import { type Outcome, send, sendBroken } from './fuzz/send.ts';
import { prepare, refresh, untilCalm } from './fuzz/state.ts';

/** Replays a run: `WATCHPOST_FUZZ_SEED=5 npm run fuzz`. */
const seed = Number(process.env.WATCHPOST_FUZZ_SEED ?? 1);
const requests = Number(process.env.WATCHPOST_FUZZ_REQUESTS ?? (onServer ? 10_000 : 1_000));
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

beforeAll(async () => {
  ({ database, api } = await serve({ measures: true }));
  const receiver = createServer((_, response) => response.end()).listen(0, '127.0.0.1');
  atEnd(() => receiver.close());
  await new Promise((resolve) => receiver.once('listening', resolve));
  endpointUrl = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
  const small = await sharp(sample(4)).resize(160).jpeg().toBuffer();
  const tiny = await sharp(sample(4)).resize(16).png().toBuffer();
  photos = [small, small, small, tiny, small.subarray(0, 700), textFile(), svg(), await animatedWebp()];
  await prepare(database);
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
    timeout: 900_000,
  }, async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: atOnce });
    atEnd(() => agent.destroy());
    const faults: string[] = [];
    const statuses: Record<string, number> = {};
    const succeeded = new Set<Route>();

    const attempt = async (index: number, state: Awaited<ReturnType<typeof refresh>>) => {
      const random = randomOf(seed * 1_000_003 + index);
      const route = api.routes[index % api.routes.length] as Route;
      const call = callTo(route, { random, state, photos, endpointUrl, index });
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error('no answer')), patience);
      });
      const sent = random.chance(0.05)
        ? sendBroken(api.url, api.key, call, random)
        : send(api.url, api.key, call, agent);
      const outcome = await Promise.race([sent, late]).catch((error) => {
        faults.push(`${index}: ${error.message}: ${shown(call)}`);
        return undefined;
      });
      clearTimeout(timer);
      if (!outcome) return;
      statuses[outcome.status] = (statuses[outcome.status] ?? 0) + 1;
      if (outcome.status < 300 && outcome.status >= 200) succeeded.add(route);
      const fault = faultOf(outcome);
      if (fault)
        faults.push(`${index}: ${fault}: ${outcome.status} ${outcome.text.slice(0, 400)} to ${shown(call)}`);
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

    // Whether a valid call meets what it needs depends on how far the worker is: some routes take a few more calls.
    const { length } = api.routes;
    for (const [position, route] of api.routes.entries()) {
      for (let more = 0; more < 500 && !succeeded.has(route); more++) {
        // On a slow machine the worker may be thousands of photos behind.
        if (more % 200 === 100) await untilCalm(database);
        if (more % 25 === 0) latest = await refresh(database, { photo: photos[0] as Buffer, endpointUrl });
        await attempt((Math.ceil(requests / length) + more) * length + position, latest);
      }
    }

    if (process.env.WATCHPOST_FUZZ_SEED) {
      process.stdout.write(
        `seed ${seed}: ${api.routes.length} routes, by status ${JSON.stringify(statuses)}\n`,
      );
    }
    expect(faults).toEqual([]);
    const never = api.routes.filter((route) => !succeeded.has(route));
    expect(never).toEqual([]);
    await untilCalm(database);
    // What raises the alerts of the state writes a search that the worker then makes too.
    const broken = await database.rows(
      `select * from watchpost.invariant
       where rule <> 'searched_twice'
         or subject not in (select id::text from watchpost.embedding where model_id = 'alerts-model')`,
    );
    expect(broken).toEqual([]);
  });
});
