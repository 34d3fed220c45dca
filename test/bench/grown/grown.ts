import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import { mobilefacenet } from '../../../models/manifest.ts';
import { migrate } from '../../../src/database/migrate.ts';
import { openDatabase } from '../../../src/database/pool.ts';
import { openLog } from '../../../src/log.ts';
import type { Options } from '../bench.ts';
import { copyVectors } from '../copy.ts';
import { dimension } from '../faces.ts';
import type { Server } from '../server.ts';
import {
  contents,
  enrolledVector,
  functionsOf,
  galleryOf,
  photosOf,
  recordOf,
  seenVector,
  sightingsOf,
  strangersOf,
} from './rows.ts';

/** A database that an installation has after months of work. */
export interface Grown {
  readonly server: Server;
  readonly url: string;
  /** Says that it is about to be changed: next time it is made again. */
  spoil(): Promise<void>;
  end(): Promise<void>;
}

/** Rows that one seal covers: an installation seals every ten seconds, so its seals are small. */
const rowsOfSeal = 2000;

/**
 * Opens it, on a server of its own. It takes minutes to make, and is kept if a folder is given; in another week it is made
 * again, because what queries ask for is of the last hours and days.
 *
 * Written as its tables say, with triggers off, and then sealed, and two of its weeks dropped, by the functions of the product.
 */
export const openGrown = async (server: Server, { keep }: Options): Promise<Grown> => {
  const folder = keep && join(keep, 'grown');
  const marker = folder && join(folder, 'grown.json');
  const wanted = JSON.stringify({ ...contents, madeInWeek: Math.floor(Date.now() / 604_800_000) });
  if (folder && marker && (await readFile(marker, 'utf8').catch(() => '')) !== wanted) {
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
  }
  const made = !(marker && existsSync(marker));
  const own = await server.another({
    keep: folder,
    settings: ['shared_buffers=1GB', 'maintenance_work_mem=512MB', 'max_parallel_maintenance_workers=0'],
  });
  try {
    const url = made ? await own.database('grown', true) : own.urlOf('grown');
    if (made) {
      const client = await own.client(url);
      await fill(client).finally(() => client.end());
      if (marker) await writeFile(marker, wanted);
    }
    const log = openLog('silent');
    const database = openDatabase(url, { log });
    await migrate(database.pool, log);
    await database.close();
    return {
      server: own,
      url,
      spoil: async () => void (marker && (await rm(marker, { force: true }))),
      end: () => own.end(),
    };
  } catch (error) {
    await own.end();
    throw error;
  }
};

/** Fills a migrated database. */
const fill = async (client: pg.Client): Promise<void> => {
  const step = async (what: string, work: () => Promise<unknown>) => {
    const begun = performance.now();
    await work();
    process.stderr.write(`  ${what}: ${((performance.now() - begun) / 1000).toFixed(0)} s\n`);
  };
  const model = mobilefacenet.id;
  await client.query(`
    set synchronous_commit = off;
    set work_mem = '128MB';
    select watchpost.register_model(
      '${model}', 'embedder', '${mobilefacenet.sha256}', ${dimension}, '${mobilefacenet.licence}',
      '${JSON.stringify(mobilefacenet.embedder.thresholds)}'
    );
    select watchpost.register_model('no-detector', 'detector', '${'0'.repeat(64)}', null, 'none');
    select watchpost.register_model('no-describer', 'describer', '${'1'.repeat(64)}', null, 'none');
    create unlogged table enrolled (n integer, vector halfvec);
    create unlogged table seen (n integer, vector halfvec);
    set session_replication_role = replica;
  `);
  await client.query(functionsOf);
  // Photos of 20 weeks are what is measured.
  await client.query(`update watchpost.retention set action = 'keep' where relation in ('image', 'face')`);
  await step('partitions made', () => client.query(pastPartitions));
  await step(`${contents.photos} photos of people and ${contents.faces} faces made`, async () => {
    await copyVectors(client, 'enrolled', contents.photos, enrolledVector);
    await copyVectors(client, 'seen', contents.faces, seenVector);
  });
  await step('people written', () => client.query(galleryOf(model)));
  await step('photos and faces written', () => client.query(photosOf(model)));
  await step('searches, matches and alerts written', () => client.query(sightingsOf(model)));
  await step('strangers written', () => client.query(strangersOf(model)));
  await step('events and handlings written', () => writeRecord(client));
  await client.query('drop table enrolled, seen; set session_replication_role = origin');
  // Away for as long as the record goes back. A trigger gives each its position.
  await client.query(`
    select watchpost.add_bridge('alerts', 'kafka', 'out', 'kafka://broker.example', 'alerts', from_beginning => true),
           watchpost.add_bridge('rare', 'nats', 'out', 'nats://broker.example', 'rare', '{calibration.stored}', from_beginning => true)`);
  await step('vacuumed', () => client.query('vacuum (freeze, analyze)'));
  await step('sealed', () => seal(client));
  await step('two weeks dropped', () => retire(client));
  await client.query('vacuum analyze watchpost.seal_leaves');
  await client.query('checkpoint');
};

/** Those of the weeks before this one; the product makes those to come. */
const pastPartitions = `
  select watchpost.add_partition(t, w, least(w + interval '7 days', p.from_at), 0)
  from unnest('{event,handling,search,access}'::text[]) as t
  cross join lateral (select min(from_at) as from_at from watchpost.partition where relation = t) as p
  cross join generate_series(first_week(), p.from_at - interval '1 second', '7 days') as w
`;

/** A transaction a week, as seals follow the order of transactions. */
const writeRecord = async (client: pg.Client): Promise<void> => {
  for (let week = 0; week <= contents.weeks; week++) {
    await client.query('begin');
    for (const text of recordOf(week)) await client.query(text);
    await client.query('commit');
  }
};

const seal = async (client: pg.Client): Promise<void> => {
  for (const kind of ['event', 'handling']) {
    for (let sealed = 1; sealed > 0; ) {
      const { rows } = await client.query<{ sealed: number }>(
        'select watchpost.seal_rows($1, $2) as sealed',
        [kind, rowsOfSeal],
      );
      sealed = rows[0]?.sealed ?? 0;
    }
  }
};

/** Drops the two oldest weeks of events and of searches. */
const retire = async (client: pg.Client): Promise<void> => {
  await client.query(
    `update watchpost.retention set action = 'drop', age = now() - first_week() - interval '14 days'
     where relation in ('event', 'search')`,
  );
  for (let more = true; more; ) {
    const { rows } = await client.query<{ result: string }>('select watchpost.retain() as result');
    more = rows[0]?.result.startsWith('1 ') ?? false;
  }
  await client.query(`update watchpost.retention set action = 'keep' where width is not null`);
};
