import { type Kysely, sql } from 'kysely';
import type { DB } from '../database/types.generated.ts';
import type { Head } from '../database/verify.ts';
import { WatchpostError } from '../errors.ts';
import { version } from '../version.ts';
import { recordAccess } from '../watchlist/access.ts';
import { type Gathered, gather, type Picture } from './gather.ts';
import { type Manifest, prettyJson, sha256 } from './manifest.ts';
import { pageOf } from './page.ts';
import type { Proof } from './proof.ts';
import { packZip } from './zip.ts';

/** How the database is read and written for whoever asks. */
export interface Asking {
  readonly db: Kysely<DB>;
  /** Runs something in a transaction of its own, in the name of the caller. */
  readonly act: <T>(run: (trx: Kysely<DB>) => Promise<T>) => Promise<T>;
  /** Why, for the record of accesses. */
  readonly reason?: string | undefined;
}

/** The evidence of an alert. */
export interface Evidence {
  /** A name for the file. */
  readonly name: string;
  readonly zip: Buffer;
  /** The seal that proves all of it, to be kept by whoever is given the file. */
  readonly head: Head;
}

/** How long the event of the evidence may wait to be sealed, in ms: a transaction of somebody else may be open. */
const sealedWithin = 10_000;

/** Seals of the chain after each that is needed: more than are made in an hour, so that a head kept every hour is among them. */
const sealsAfter = 1000;

/**
 * Packs the evidence of an alert: pictures, what is known about it, and what proves that it is part of the record. That it
 * was made is an event, with the hash of the list of files, which is sealed before the file is handed out, and an access.
 *
 * @throws {WatchpostError} alert_unknown; evidence_unsealed if the event cannot be sealed in time.
 */
export const makeEvidence = async ({ db, act, reason }: Asking, alertId: string): Promise<Evidence> => {
  const gathered = await gather(db, alertId);
  const at = new Date();
  const events = await readEvents(db, gathered);
  const files = new Map<string, Buffer>();
  const manifest = listFiles(gathered, files, { at, events: events.map(({ event_id }) => event_id) });
  files.set('manifest.json', prettyJson(manifest));
  const made = await act(async (trx) => {
    await recordAccess(trx, { action: 'evidence', subject: { kind: 'alert', id: alertId }, reason });
    return recordEvidence(trx, alertId, files.get('manifest.json') as Buffer);
  });
  const seal = await untilSealed(db, made);
  const proof = await readProof(db, gathered, [...manifest.events, made]);
  files.set('proof.json', Buffer.from(JSON.stringify(proof)));
  const head = await readSeal(db, seal);
  return { name: `watchpost-evidence-${alertId}.zip`, zip: await packZip(files, at), head };
};

const imagesOf = ({ sightings }: Gathered): string[] => [...new Set(sightings.map((one) => one.image_id))];

interface HashedEvent {
  readonly event_id: string;
  readonly seal: string | null;
  readonly hashed: string;
}

const readEvents = async (db: Kysely<DB>, gathered: Gathered): Promise<HashedEvent[]> => {
  const { rows } = await sql<HashedEvent>`
    select * from watchpost.events_of_alert(${gathered.alert.id}, ${imagesOf(gathered)}::uuid[])
  `.execute(db);
  return rows;
};

/** Fills the files, and lists them. */
const listFiles = (
  gathered: Gathered,
  files: Map<string, Buffer>,
  { at, events }: { at: Date; events: string[] },
): Manifest => {
  const { alert, reviews, sightings, best, timeline, frame, marked, enrolled } = gathered;
  const listed: Manifest['files'] = [];
  const add = (name: string, bytes: Buffer, of: { image_id?: string; face_id?: string } = {}) => {
    files.set(name, bytes);
    listed.push({ name, bytes: bytes.length, sha256: sha256(bytes), ...of });
  };
  const addPicture = (picture: Picture | undefined, of = {}) =>
    picture && add(picture.name, picture.bytes, of);
  addPicture(frame, { image_id: best.image_id });
  addPicture(marked);
  for (const { crop, face_id } of sightings) addPicture(crop, { face_id });
  addPicture(enrolled);
  add('alert.json', prettyJson(alert));
  add('reviews.json', prettyJson(reviews));
  add('lineage.json', prettyJson(sightings.map((one) => ({ ...one, crop: one.crop?.name ?? null }))));
  add('timeline.json', prettyJson(timeline));
  const manifest = {
    ...({ format: 'watchpost evidence 1', watchpost: version, alert_id: alert.id as string } as const),
    ...{ made_at: at.toISOString(), events },
  };
  // The page last, as it shows the hashes of the others.
  add('index.html', Buffer.from(pageOf(gathered, { ...manifest, files: [...listed] })));
  return { ...manifest, files: listed };
};

const recordEvidence = async (db: Kysely<DB>, alertId: string, manifest: Buffer): Promise<string> => {
  const { rows } = await sql<{ id: string }>`
    select watchpost.record_evidence(${alertId}, ${sha256(manifest)}) as id
  `.execute(db);
  return (rows[0] as { id: string }).id;
};

/** Resolves with the seal that covers the event. */
const untilSealed = async (db: Kysely<DB>, event: string): Promise<number> => {
  const begun = performance.now();
  for (;;) {
    const { rows } = await sql<{
      seal: string | null;
    }>`select watchpost.seal_event(${event}) as seal`.execute(db);
    if (rows[0]?.seal) return Number(rows[0].seal);
    if (performance.now() - begun > sealedWithin) {
      throw new WatchpostError(
        'evidence_unsealed',
        'The evidence cannot be sealed now: a transaction on the database server has been open all the time.',
        { hint: 'doctor says which one. Call again when it has ended.' },
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
};

const readSeal = async (db: Kysely<DB>, number: number): Promise<Head> => {
  const { rows } = await sql<Head>`
    select s.number, encode(s.digest, 'hex') as digest, s.sealed_at from watchpost.seal as s where s.number = ${number}
  `.execute(db);
  return rows[0] as Head;
};

const readProof = async (db: Kysely<DB>, gathered: Gathered, ids: readonly string[]): Promise<Proof> => {
  const known = new Map((await readEvents(db, gathered)).map((event) => [event.event_id, event]));
  const events = ids.map((id) => known.get(id)).filter((event) => event !== undefined);
  const seals = [...new Set(events.map(({ seal }) => Number(seal)))].sort((one, other) => one - other);
  return {
    events: events.map(({ seal, hashed }) => ({ seal: Number(seal), text: hashed })),
    leaves: await readLeaves(db, seals),
    chain: await readChain(db, seals),
  };
};

const readLeaves = async (db: Kysely<DB>, seals: readonly number[]): Promise<Proof['leaves']> => {
  const { rows } = await sql<{ number: string; ids: string[]; leaves: Buffer[] }>`
    select l.number, l.ids, l.leaves from watchpost.seal_leaves as l where l.number = any (${seals}::bigint[]) order by 1
  `.execute(db);
  return rows.map(({ number, ids, leaves }) => ({
    seal: Number(number),
    ids,
    leaves: leaves.map((leaf) => leaf.toString('hex')),
  }));
};

/** The chain from each of these seals on, as one part where they lie close together. */
const readChain = async (db: Kysely<DB>, seals: readonly number[]): Promise<Proof['chain']> => {
  const parts: [first: number, upto: number][] = [];
  for (const seal of seals) {
    const last = parts.at(-1);
    if (last && seal <= last[1] + 1) last[1] = seal + sealsAfter;
    else parts.push([seal, seal + sealsAfter]);
  }
  const chain: Proof['chain'] = [];
  for (const [first, upto] of parts) {
    const { rows } = await sql<{ number: string; hashed: string; digest: string }>`
      select * from watchpost.chain(${first - 1}, ${upto - first + 2})
    `.execute(db);
    const before = rows[0]?.number === String(first - 1) ? rows.shift() : undefined;
    chain.push({
      previous: before?.digest ?? sha256(Buffer.from('watchpost')),
      seals: rows.map(({ hashed, digest }) => ({ text: hashed, digest })),
    });
  }
  return chain;
};
