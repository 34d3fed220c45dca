import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type pg from 'pg';
import { NodeProcess, plainEnvironment } from '../support/node-process.ts';
import type { PhotoSet } from './photos.ts';

/** The product as it is run: worker processes, people on a list, photos by INSERT. */

const mainFile = fileURLToPath(new URL('../../src/watchpost.mjs', import.meta.url));

/** A process of `watchpost work`. */
export interface WorkerProcess {
  readonly pid: number;
  /** Resolves when it has ended in good order. */
  stop(): Promise<void>;
}

/**
 * Starts one with the settings that a user has who sets none; resolves when it is at work.
 *
 * @param options.core It may use that one only; undefined: all.
 * @param options.watch Whether it watches cameras, also those on this machine.
 */
export const startWork = async (
  url: string,
  { core, watch = false }: { core?: number | undefined; watch?: boolean } = {},
): Promise<WorkerProcess> => {
  const data = await mkdtemp(join(tmpdir(), 'watchpost-bench-work-'));
  const settings = {
    DATABASE_URL: url,
    WATCHPOST_DATA: data,
    WATCHPOST_LOG: 'warn',
    WATCHPOST_OUTGOING_ALLOW: '127.0.0.1',
  };
  const launcher = core === undefined ? [] : ['taskset', '-c', String(core)];
  const worker = new NodeProcess(
    [mainFile, 'work', ...(watch ? ['--watch'] : [])],
    { ...plainEnvironment(), ...settings },
    launcher,
  );
  await worker.says(/is at work/);
  return {
    pid: worker.pid,
    async stop() {
      await worker.stop();
      await rm(data, { recursive: true, force: true });
    },
  };
};

/** Enrols a set's people on one list; needs a worker. Somebody whose photo will not do is left out. */
export const enrol = async (client: pg.Client, { people }: PhotoSet): Promise<void> => {
  await client.query(`insert into watchpost.watchlist (name) values ('bench')`);
  for (const { name, photo, face } of people) {
    await client.query(
      `with person as (insert into watchpost.person (name) values ($1) returning id)
       insert into watchpost.watchlist_entry (watchlist_id, person_id)
       select w.id, p.id from person as p cross join watchpost.watchlist as w`,
      [name],
    );
    await client.query(
      `select from watchpost.person as p cross join lateral watchpost.add_person_photo(p.id, $2, $3::smallint)
       where p.name = $1`,
      [name, photo, face ?? null],
    );
  }
  await untilHandled(client);
  const { rows } = await client.query<{ enrolled: number }>(
    'select count(*)::int as enrolled from watchpost.reference',
  );
  if (!rows[0]?.enrolled) throw new Error(`Nobody was enrolled of ${people.length}.`);
};

/** Submits photos of a set, over and over until there are so many, each by an INSERT and a transaction of its own. */
export const submitPhotos = async (client: pg.Client, { photos }: PhotoSet, count: number): Promise<void> => {
  for (let n = 0; n < count; n++) await submitPhoto(client, photos[n % photos.length]!);
};

/** Submits one photo. */
export const submitPhoto = async (client: pg.Client, photo: Buffer): Promise<void> => {
  await client.query({
    name: 'submit',
    text: 'insert into watchpost.image (bytes) values ($1)',
    values: [photo],
  });
};

/** Milliseconds between two reads: what is measured takes seconds, and a read takes a thousandth of this. */
const readEvery = 50;

/**
 * Resolves when nothing is left to be done for any photo, enrolment and match included. In one snapshot an event that
 * is not handled is in the outbox, in a claim or in a job: it is moved in one transaction, and what a stage writes waits
 * before its own claim is deleted.
 */
export const untilHandled = async (client: pg.Client): Promise<void> => {
  for (;;) {
    const { rows } = await client.query<{ open: boolean }>({
      name: 'open',
      text: `
        select exists (select from watchpost.outbox where task = any ($1))
          or exists (select from watchpost.claim where task = any ($1))
          or exists (select from graphile_worker.jobs where task_identifier = any ($1)) as open`,
      values: [['detect', 'embed', 'enrol', 'match']],
    });
    if (!rows[0]?.open) return;
    await new Promise((resolve) => setTimeout(resolve, readEvery));
  }
};

/** What stands in the database, for photos that were submitted as probes. */
interface Stored {
  readonly photos: number;
  readonly faces: number;
  readonly matches: number;
}

/**
 * Counts it, and makes sure that every photo was looked at and every face searched.
 *
 * @throws if one was not: a figure of such a run would mean nothing.
 */
export const countStored = async (client: pg.Client): Promise<Stored> => {
  const { rows } = await client.query<Stored & { looked_at: number; searches: number }>(`
    select
      (select count(*) from watchpost.image where purpose = 'probe')::int as photos,
      (select count(*) from watchpost.image where purpose = 'probe' and width is not null)::int as looked_at,
      (select count(*)
       from watchpost.face as f
       join watchpost.image as i on i.id = f.image_id
       where i.purpose = 'probe')::int as faces,
      (select count(*) from watchpost.search)::int as searches,
      (select count(*) from watchpost.match)::int as matches`);
  const { photos, looked_at, faces, searches, matches } = rows[0]!;
  if (looked_at !== photos || searches !== faces) {
    throw new Error(
      `${looked_at} of ${photos} photos were looked at, ${searches} of ${faces} faces searched.`,
    );
  }
  return { photos, faces, matches };
};
