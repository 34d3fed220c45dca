import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { openDatabase } from '../../../src/database/pool.ts';
import { createApp } from '../../../src/http/app.ts';
import { provideFirstKey } from '../../../src/http/first-key.ts';
import { openLog } from '../../../src/log.ts';
import type { Vision } from '../../../src/vision/index.ts';
import { mainFile, NodeProcess, plainEnvironment } from '../../support/node-process.ts';
import type { Bench, Comparison, Figures } from '../bench.ts';
import { liveWhile } from '../grown/deleting.ts';
import { type Grown, openGrown } from '../grown/grown.ts';
import { askFour, fourFaces, openFresh, recallOf, timesOfClaims } from '../grown/searches.ts';
import { examples, fastest, findSubjects, routesOf, type Subjects, viewsOf } from '../grown/statements.ts';
import type { Server } from '../server.ts';
import { waits } from './fair.ts';

/** Milliseconds that any list, page, view with a filter or example may take. */
const most = 200;

/** Photos that another camera hands in before, where turns are measured. */
const burst = 300;

/** What an installation notices of 20 weeks of its own work: pages, queries, commands, searches, and the queue. */
export const grown: Bench = {
  name: 'grown',
  measures:
    '20,000 people, 221,500 photos, 401,500 faces, 5,000 alerts, 1.1 million events of 20 weeks, two of them dropped',
  against: 'nothing, where the figures are absolute; else a fresh database with 20 people',
  async prepare(server, options) {
    const big = await openGrown(server, options);
    const client = await big.server.client(big.url);
    await client.query('set search_path = watchpost, public');
    const subjects = await findSubjects(client);
    const fresh = await openFresh(big.server);
    return {
      comparisons: [
        await pages(big, subjects),
        views(client, subjects),
        queries(client),
        commands(big),
        searches(big, fresh),
        claims(big.server, big.url, fresh),
        turns(big.server, big.url, fresh),
        deletions(big),
      ],
      async end() {
        await client.end();
        await big.server.drop('bench_fresh');
        await big.end();
      },
    };
  },
};

/** A comparison of absolute figures, in ms, by name. */
const absolute = (timed: readonly { readonly name: string; call(): Promise<unknown> }[]): Comparison => ({
  rounds: 1,
  async ours() {
    const figures: Record<string, number> = {};
    for (const { name, call } of timed) figures[name] = await fastest(call);
    return figures;
  },
  theirs: async () => Object.fromEntries(timed.map(({ name }) => [name, 0])),
  judged: timed.map(({ name }) => ({
    what: name,
    unit: 'ms',
    figure: name,
    by: 'difference',
    target: { atMost: most },
  })),
});

const nameOf = (text: string): string =>
  text.replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '{id}').replace(/since=[^&]+/, 'since={time}');

/** Every GET route, called in this process. */
const pages = async ({ url }: Grown, subjects: Subjects): Promise<Comparison> => {
  const log = openLog('error');
  const database = openDatabase(url, { log });
  const data = await mkdtemp(join(tmpdir(), 'watchpost-bench-grown-'));
  const { key } = await provideFirstKey(database, data);
  await rm(data, { recursive: true });
  const app = createApp({
    config: { maxBodyBytes: 1, maxPixels: 1, maxBacklog: 1, maxBacklogPerKey: 1 },
    database,
    nudge: () => {},
    // No GET looks at pixels.
    vision: {} as Vision,
    workerId: '',
    log,
  });
  return absolute(
    routesOf(subjects).map((path) => ({
      name: `GET ${nameOf(path)}`,
      async call() {
        const answer = await app.request(path, { headers: { authorization: `Bearer ${key}` } });
        const body = await answer.text();
        if (answer.status !== 200) throw new Error(`GET ${path} is answered with ${answer.status}: ${body}`);
      },
    })),
  );
};

const views = (client: pg.Client, subjects: Subjects): Comparison =>
  absolute(
    viewsOf(subjects).map((view) => ({
      name: nameOf(view),
      call: () => client.query(`select * from watchpost.${view}`),
    })),
  );

/** Every example, whose changes are undone. */
const queries = (client: pg.Client): Comparison =>
  absolute(
    examples().map(({ name, text }) => ({
      name,
      async call() {
        await client.query('begin');
        await client.query(text).catch((error) => {
          // Some act on somebody or something that is not here.
          if (!/^(WP|23505)/.test(error.code)) throw new Error(`${name}: ${error.message}`, { cause: error });
        });
        await client.query('rollback');
      },
    })),
  );

/** Seconds of the commands that read the whole database, each a process. */
const commands = ({ url }: Grown): Comparison => {
  const since = new Date(Date.now() - 6 * 3_600_000).toISOString();
  const lines = [
    { line: 'verify', seconds: 60, good: 0 },
    // No worker runs meanwhile, which it reports.
    { line: 'doctor', seconds: 5, good: 1 },
    { line: 'doctor --full', seconds: 60, good: 1 },
    { line: `replay --task match --since ${since} --dry-run`, seconds: 60, good: 0 },
    { line: 'person list', seconds: 10, good: 0 },
    { line: 'alert list --limit 1000', seconds: 5, good: 0 },
    { line: 'strangers list', seconds: 5, good: 0 },
  ];
  const what = ({ line }: (typeof lines)[number]) => line.replace(since, 'SIX-HOURS-AGO');
  return {
    rounds: 1,
    async ours() {
      const figures: Record<string, number> = {};
      for (const command of lines) {
        const begun = performance.now();
        const program = new NodeProcess([mainFile, ...command.line.split(' ')], {
          ...plainEnvironment(),
          DATABASE_URL: url,
        });
        const code = await program.ended;
        if (code !== command.good)
          throw new Error(`${command.line} ended with ${code}: ${program.output.slice(-2000)}`);
        figures[what(command)] = (performance.now() - begun) / 1000;
      }
      return figures;
    },
    theirs: async () => Object.fromEntries(lines.map((command) => [what(command), 0])),
    judged: lines.map((command) => ({
      what: what(command),
      unit: 's',
      figure: what(command),
      by: 'difference',
      target: { atMost: command.seconds },
    })),
  };
};

/** The search of a batch of four faces, as `match` asks for it. */
const searches = (big: Grown, fresh: string): Comparison => ({
  async ours() {
    const batches = await fourFaces(big.server, big.url);
    return { ...(await askFour(big.url, batches)), recall: await recallOf(big.url, batches) };
  },
  async theirs() {
    const batches = await fourFaces(big.server, fresh);
    return { ...(await askFour(fresh, batches)), recall: 0 };
  },
  judged: [
    { what: 'four faces p50', unit: 'ms', figure: 'p50', by: 'difference', target: { atMost: 40 } },
    { what: 'four faces p95', unit: 'ms', figure: 'p95', by: 'difference', target: null },
    { what: 'nearest five', unit: 'of 1', figure: 'recall', by: 'difference', target: { atLeast: 0.99 } },
  ],
});

const claims = (server: Server, url: string, fresh: string): Comparison => ({
  ours: () => timesOfClaims(server, url),
  theirs: () => timesOfClaims(server, fresh),
  judged: [
    { what: 'claim of nothing', unit: 'ms', figure: 'idle', by: 'difference', target: { atMost: 1 } },
    { what: 'claim of one', unit: 'ms', figure: 'one', by: 'difference', target: { atMost: 1 } },
  ],
});

/** A camera's photos by themselves, and behind another camera's burst. */
const turns = (server: Server, url: string, fresh: string): Comparison => {
  const both = async (of: string): Promise<Figures> => {
    const alone = await waits(server, of, 0);
    const behind = await waits(server, of, burst);
    return { alone: alone.searched!, behind: behind.searched!, longest: behind.longest! };
  };
  return {
    ours: () => both(url),
    theirs: () => both(fresh),
    judged: [
      { what: 'photo searched', unit: 'ms', figure: 'alone', by: 'difference', target: { atMost: 60 } },
      { what: `behind ${burst}`, unit: 'ms', figure: 'behind', by: 'difference', target: { atMost: 120 } },
      { what: 'longest', unit: 'ms', figure: 'longest', by: 'difference', target: null },
    ],
  };
};

/** Live photos while others are deleted, which is the last thing that is done to the database. */
const deletions = (big: Grown): Comparison => ({
  rounds: 1,
  async theirs() {
    return { ...(await liveWhile(big.server, big.url, false)), took: 0 };
  },
  async ours() {
    await big.spoil();
    return liveWhile(big.server, big.url, true);
  },
  judged: [
    { what: 'live photo p50', unit: 'ms', figure: 'p50', by: 'ratio', target: null },
    { what: 'live photo p95', unit: 'ms', figure: 'p95', by: 'ratio', target: { atMost: 1.25 } },
    { what: 'deleting 100,000', unit: 's', figure: 'took', by: 'difference', target: null },
  ],
});
