import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { type KeptHead, parseHead, readDigest, readHead } from '../../src/database/verify.ts';
import { type Against, checkEvidence, type Evidence, makeEvidence } from '../../src/evidence/index.ts';
import { prettyJson, sha256 } from '../../src/evidence/manifest.ts';
import { type Files, packZip, unpackZip } from '../../src/evidence/zip.ts';
import { watchpost } from '../commands/support.ts';
import { admit, expectProblem, idleProcess, listen } from '../http/support.ts';
import { raiseAlert } from '../support/alerts.ts';
import { atEnd } from '../support/at-end.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { enrolAda, realVision, runWorker, submit, untilFinal, untilIdle } from '../support/pipeline.ts';
import { sealAll } from '../support/record.ts';

const at = new Date('2026-11-23T15:04:05Z');

let database: TestDatabase;
let alertId: string;
/** A head that was kept after the alert and before its evidence was made. */
let kept: KeptHead;
let evidence: Evidence;
let files: Files;

const make = (id: string) =>
  makeEvidence({ db: database.db, act: (run) => database.db.transaction().execute(run) }, id);

beforeAll(async () => {
  database = await freshDatabase();
  await runWorker(database, await realVision());
  await database.rows(`insert into watchpost.camera (name, location) values ('gate', 'North gate')`);
  await enrolAda(database);
  await untilFinal(database, await submit(database, sample(1), 'gate'));
  [{ id: alertId }] = (await database.rows('select id from watchpost.alert')) as [{ id: string }];
  await database.rows(`select watchpost.confirm($1, 'It is <b>her</b> & nobody else')`, [alertId]);
  await untilIdle(database);
  await sealAll(database);
  kept = (await readHead(database)) as KeptHead;
  evidence = await make(alertId);
  files = await unpackZip(evidence.zip);
});

const online = (on: TestDatabase = database): Against => ({ digestOf: (seal) => readDigest(on, seal) });
/** What is wrong; empty: the evidence is good. */
const wrongIn = async (zip: Buffer, against = online()) =>
  (await checkEvidence(zip, against)).filter(({ is }) => is === 'FAIL').map(({ text }) => text);
const repacked = (changes: Record<string, Buffer | undefined>) => {
  const changed = new Map(files);
  for (const [name, bytes] of Object.entries(changes))
    bytes ? changed.set(name, bytes) : changed.delete(name);
  return packZip(changed, at);
};
const json = (name: string) => JSON.parse(String(files.get(name)));

describe('the evidence of an alert', () => {
  it('holds the photo, the marked photo, the faces, and what is known, each listed with its hash', async () => {
    expect([...files.keys()].sort()).toEqual(
      [
        'alert.json',
        'faces/enrolled.jpg',
        'faces/seen-1.jpg',
        'frame-marked.jpg',
        'frame.jpg',
        'index.html',
        'lineage.json',
        'manifest.json',
        'proof.json',
        'reviews.json',
        'timeline.json',
      ].map((name) => (files.has(name) ? name : name.replace('.jpg', '.png'))),
    );
    expect(files.get('frame.jpg')).toEqual(sample(1));
    expect(json('alert.json')).toMatchObject({
      id: alertId,
      person: 'Ada',
      location: 'North gate',
      state: 'confirmed',
    });
    expect(json('reviews.json')).toMatchObject([
      { decision: 'confirmed', note: 'It is <b>her</b> & nobody else' },
    ]);
    expect(json('lineage.json')).toMatchObject([
      { best: true, image_sha256: sha256(sample(1)), camera: 'gate' },
    ]);
    const topics = json('timeline.json').map(({ topic }: { topic: string }) => topic);
    expect(topics).toEqual(
      expect.arrayContaining(['image.received', 'face.detected', 'match.found', 'alert.raised']),
    );
    for (const { name, sha256: listed } of json('manifest.json').files)
      expect(sha256(files.get(name) as Buffer), name).toBe(listed);
  });

  it('has a box around the matched face and nothing else changed', async () => {
    const pixelsOf = async (bytes: Buffer) =>
      sharp(bytes).resize(800).removeAlpha().raw().toBuffer({ resolveWithObject: true });
    const [plain, marked] = [
      await pixelsOf(sample(1)),
      await pixelsOf(files.get('frame-marked.jpg') as Buffer),
    ];
    const { box_x, box_y, box_width, box_height } = json('lineage.json')[0];
    const { width } = await sharp(sample(1)).metadata();
    const scale = 800 / width;
    const pixelAt = ({ data, info }: typeof plain, x: number, y: number) =>
      [...data.subarray((Math.round(y * scale) * info.width + Math.round(x * scale)) * 3)].slice(0, 3);
    const distance = (x: number, y: number) => {
      const [one, other] = [pixelAt(plain, x, y), pixelAt(marked, x, y)];
      return Math.max(...one.map((value, n) => Math.abs(value - other[n]!)));
    };
    const [red, green] = pixelAt(marked, box_x + box_width / 2, box_y) as [number, number, number];
    expect(red - green, 'red').toBeGreaterThan(80);
    expect(distance(box_x + box_width / 2, box_y + box_height / 2), 'inside').toBeLessThan(40);
    expect(distance(5, 5), 'outside').toBeLessThan(40);
  });

  it('has a page that needs nothing else, and takes texts as texts', () => {
    const page = String(files.get('index.html'));
    expect(page).toContain('It is &lt;b&gt;her&lt;/b&gt; &amp; nobody else');
    expect(page).not.toMatch(/<script|https?:\/\/|src="(?!data:)|href=/);
    expect(page).toMatch(/default-src 'none'/);
    for (const words of ['Ada', 'North gate', 'confirmed', sha256(sample(1))]) expect(page).toContain(words);
  });

  it('is recorded, with the hash of the list of its files, and sealed', async () => {
    const [event] = await database.rows(
      `select payload, watchpost.seal_over(xid, id)::text as seal from watchpost.event where topic = 'evidence.made'`,
    );
    expect(event.payload).toMatchObject({
      alert_id: alertId,
      manifest_sha256: sha256(files.get('manifest.json')!),
    });
    expect(event.seal).toBe(evidence.head.number);
  });

  it('is good against the database that made it, and against heads that were kept', async () => {
    expect(await wrongIn(evidence.zip)).toEqual([]);
    expect(await checkEvidence(evidence.zip, { kept: [evidence.head] })).toContainEqual({
      is: 'ok',
      text: expect.stringMatching(/proves all files and \d+ events/),
    });
    const earlier = await checkEvidence(evidence.zip, { kept: [kept] });
    expect(earlier.map(({ is }) => is)).toEqual(['ok', 'ok', 'ok', 'note']);
    expect(earlier[3]!.text).toMatch(/packed after it/);
    expect(
      await wrongIn(evidence.zip, { kept: [{ number: undefined, digest: evidence.head.digest }] }),
    ).toEqual([]);
  });

  it('cannot be judged by a head of another chain, or of another part of it', async () => {
    const digest = 'a'.repeat(64);
    expect(await wrongIn(evidence.zip, { kept: [{ number: evidence.head.number, digest }] })).toEqual([
      expect.stringMatching(/another than the head/),
    ]);
    expect(await wrongIn(evidence.zip, { kept: [{ number: '99999', digest }] })).toEqual([
      expect.stringMatching(/no head that was kept proves anything/),
    ]);
    const other = await freshDatabase();
    expect(await wrongIn(evidence.zip, online(other))).toEqual([expect.stringMatching(/has no seal/)]);
  });

  it('is refused if any byte of any file is altered', async () => {
    for (const [name, bytes] of files) {
      for (const place of [0, Math.floor(bytes.length / 2), bytes.length - 1]) {
        const altered = Buffer.from(bytes);
        altered[place] = altered[place]! ^ 1;
        const zip = await repacked({ [name]: altered });
        for (const against of [online(), { kept: [evidence.head] }])
          expect(await wrongIn(zip, against), `${name} at ${place}`).toHaveLength(1);
      }
    }
  });

  it('is refused if every byte of the list and of the proof is altered, one at a time', async () => {
    for (const name of ['manifest.json', 'proof.json']) {
      const bytes = files.get(name) as Buffer;
      const step = Math.max(1, Math.floor(bytes.length / 15));
      for (let place = 0; place < bytes.length; place += step) {
        const altered = Buffer.from(bytes);
        altered[place] = altered[place]! ^ 4;
        expect(await wrongIn(await repacked({ [name]: altered })), `${name} at ${place}`).toHaveLength(1);
      }
    }
  });

  it('is refused if a file is missing, added or replaced together with its hash in the list', async () => {
    for (const name of files.keys())
      expect(await wrongIn(await repacked({ [name]: undefined })), name).toHaveLength(1);
    expect(await wrongIn(await repacked({ 'note.txt': Buffer.from('by the way') }))).toEqual([
      expect.stringMatching(/note\.txt was added/),
    ]);
    const forged = Buffer.from('{"state": "dismissed"}');
    const manifest = json('manifest.json');
    const entry = manifest.files.find(({ name }: { name: string }) => name === 'alert.json');
    Object.assign(entry, { bytes: forged.length, sha256: sha256(forged) });
    const zip = await repacked({ 'alert.json': forged, 'manifest.json': prettyJson(manifest) });
    expect(await wrongIn(zip)).toEqual([expect.stringMatching(/manifest\.json is not the one/)]);
  });

  it('is refused if an event is left out, exchanged, or altered with its hash', async () => {
    const proof = json('proof.json');
    const zipOf = (altered: object) => repacked({ 'proof.json': Buffer.from(JSON.stringify(altered)) });
    const without = { ...proof, events: proof.events.slice(1) };
    expect(await wrongIn(await zipOf(without))).toEqual([expect.stringMatching(/does not hold the events/)]);
    const swapped = { ...proof, events: [...proof.events.slice(0, 2).reverse(), ...proof.events.slice(2)] };
    expect(await wrongIn(await zipOf(swapped))).toHaveLength(1);
    const shorter = { ...proof, chain: [{ ...proof.chain[0], seals: proof.chain[0].seals.slice(1) }] };
    expect(await wrongIn(await zipOf(shorter))).toHaveLength(1);
    const text = proof.events[0].text.replace('image.received', 'image.accepted');
    const forged = { ...proof, events: [{ ...proof.events[0], text }, ...proof.events.slice(1)] };
    expect(await wrongIn(await zipOf(forged))).toEqual([expect.stringMatching(/is not the one that seal/)]);
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['no zip', Buffer.from('no zip')],
    ['a zip of something else', undefined],
    ['half of it', null],
  ])('is not %s', async (_, bytes) => {
    const zip =
      bytes ??
      (bytes === undefined
        ? await packZip(new Map([['a.txt', Buffer.from('a')]]), at)
        : evidence.zip.subarray(0, evidence.zip.length / 2));
    expect(await wrongIn(zip)).toHaveLength(1);
  });

  it('is made of an alert whose photo was dropped and whose enrolled photo was removed', async () => {
    const { alertId: id } = await raiseAlert(database);
    await database.rows(
      'update watchpost.image set bytes = null where id in (select image_id from watchpost.alert_detail where id = $1)',
      [id],
    );
    await database.rows(
      'delete from watchpost.reference where person_id in (select person_id from watchpost.alert where id = $1)',
      [id],
    );
    const made = await make(id);
    const held = await unpackZip(made.zip);
    expect([...held.keys()]).not.toContain('frame-marked.jpg');
    expect(String(held.get('index.html'))).toContain('The photo was dropped; its hash remains.');
    expect(await wrongIn(made.zip)).toEqual([]);
  });

  it('is not made of an alert that there is not', async () => {
    await expect(make('01890000-0000-7000-8000-000000000000')).rejects.toMatchObject({
      code: 'alert_unknown',
    });
  });
});

describe('GET /v1/alerts/{id}/evidence', () => {
  it('answers the zip in the name of the key, with the head that proves it, for no cache to keep', async () => {
    const vision = await realVision();
    const api = await listen(database, vision, await idleProcess(database, vision, 'resting'));
    await admit(database, api);
    const asked = { 'access-reason': 'for the police' };
    const answer = await api.call('GET', `/v1/alerts/${alertId}/evidence`, undefined, asked);
    expect(answer.status).toBe(200);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': 'application/zip',
      'content-disposition': `attachment; filename="watchpost-evidence-${alertId}.zip"`,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
    const head = parseHead(answer.headers.get('watchpost-head') as string) as KeptHead;
    expect(await wrongIn(Buffer.from(answer.body), { kept: [head] })).toEqual([]);
    const [{ by }] = (await database.rows(
      `select payload ->> 'by' as by from watchpost.event where topic = 'evidence.made' order by id desc limit 1`,
    )) as [{ by: string }];
    expect(by).toBe('api:environment');
    const [access] = await database.rows('select * from watchpost.access order by id desc limit 1');
    expect(access).toMatchObject({
      actor: by,
      action: 'evidence',
      subject_id: alertId,
      reason: 'for the police',
    });
    const unknown = await api.call('GET', '/v1/alerts/01890000-0000-7000-8000-000000000000/evidence');
    expectProblem(unknown, 'alert_unknown');
    expectProblem(await api.call('GET', '/v1/alerts/none/evidence'), 'id_invalid');
  });
});

describe('watchpost alert evidence, and verify --evidence', () => {
  it('write a file, print the head that proves it, and check it with and without the database', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'watchpost-evidence-'));
    atEnd(() => rmSync(folder, { recursive: true, force: true }));
    const [file, heads] = [join(folder, 'alert.zip'), join(folder, 'heads')];
    const run = (...args: string[]) => watchpost(args, { DATABASE_URL: database.url });
    const written = await run('alert', 'evidence', alertId, '--out', file);
    expect(written).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/alert\.zip {2}\d+ bytes\nhead {2}\d+ [0-9a-f]{64} /),
    });
    const again = await run('alert', 'evidence', alertId, '--out', file);
    expect(again).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/there is something of that name already/),
    });

    expect(await run('verify', '--evidence', file)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(
        /^ok {4}alert .+\nok .+\nok {4}seals .+ are those of the database\nnote /,
      ),
    });
    writeFileSync(heads, `${kept.number} ${kept.digest}\n${written.stdout.split('head  ')[1]}`);
    const nowhere = { DATABASE_URL: 'postgres://127.0.0.1:1/nowhere' };
    const offline = await watchpost(['verify', '--evidence', file, '--head', heads], nowhere);
    expect(offline).toMatchObject({ code: 0, stdout: expect.stringMatching(/proves all files/) });
    const wrong = await watchpost(['verify', '--evidence', file, '--head', 'b'.repeat(64)], nowhere);
    expect(wrong).toMatchObject({ code: 1, stdout: expect.stringMatching(/^FAIL /m) });
    expect(parseHead(written.stdout.split('head  ')[1] as string)?.number).toMatch(/^\d+$/);

    expect((await run('verify', '--evidence', join(folder, 'none.zip'))).stderr).toMatch(/cannot be read/);
    expect((await run('verify', '--evidence', file, '--head')).stderr).toMatch(/give the file or digest/);
  });
});
