import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { readExtent, verifyRecord } from '../../src/database/verify.ts';
import { exportPeople } from '../../src/transfer/export.ts';
import type { Receipt } from '../../src/watchlist/registry.ts';
import { temporaryFolder, watchpost } from '../commands/support.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { enrolAda, realVision, runWorker, submit, untilFinal } from '../support/pipeline.ts';
import { findDumpPrograms } from '../support/programs.ts';
import { sealAll } from '../support/record.ts';
import {
  type Needles,
  partOf,
  partOfVector,
  searchDump,
  searchFiles,
  searchFolder,
  searchTables,
} from '../support/remains.ts';
import { until } from '../support/until.ts';

const programs = await findDumpPrograms();
const needsPrograms = programs ? '' : '(needs a real server, and its pg_dump)';

/** What was written about her, in every place where somebody can write something. */
const texts = {
  name: 'Zenobia Quartermaine',
  birth: '1971-03-09',
  ref: 'case-zq-4711',
  'old name': 'Zenobia Maidenname',
  'other name': 'Xanthippe Quartermaine',
  'note of a review': 'limps on the left zebra leg',
  'note of a dismissal': 'wears a violet accordion',
  'reason of a removed photo': 'cousin from Kuopio instead',
  'note of a merge': 'same scar above the eyebrow',
  'reason of a cannot_link': 'twin sister of the baker',
  'reason of an access': 'asked for by her landlord',
  'answer of a call': 'reviewed with a kazoo',
};

describe('erasing a person', () => {
  let database: TestDatabase;
  let personId: string;
  let seenIn: string;
  let needles: Needles;
  const run = (...args: string[]) => watchpost(args, { DATABASE_URL: database.url });
  const one = async (text: string, values: unknown[] = []) => (await database.rows(text, values))[0];

  beforeAll(async () => {
    database = await freshDatabase();
    const vision = await realVision();
    await database.rows(`insert into watchpost.camera (name, location) values ('gate', 'North gate')`);
    // A consumer that nobody runs, and an endpoint that nobody answers at: what waits for them stays.
    await database.rows(
      `insert into watchpost.subscription (topic, task) values ('person.changed', 'mirror')`,
    );
    await database.rows(`select * from watchpost.add_endpoint('closed', 'https://closed.example/alerts')`);
    const worker = await runWorker(database, vision);
    const ada = await enrolAda(database);
    personId = ada.personId;
    await database.rows(
      `update watchpost.person set name = $2, external_ref = $3, metadata = jsonb_build_object('born', $4::text) where id = $1`,
      [personId, texts['old name'], texts.ref, texts.birth],
    );
    await database.rows('update watchpost.person set name = $2 where id = $1', [personId, texts.name]);
    await database.rows('select watchpost.index_people($1)', [vision.embedder.id]);

    // Seen, reviewed, dismissed as somebody else, and taken back.
    seenIn = await submit(database, sample(1), 'gate');
    expect(await untilFinal(database, seenIn)).toMatchObject({ alerts: 1 });
    const alert = await one('select id from watchpost.alert');
    await database.rows(`select watchpost.acknowledge($1, $2)`, [alert.id, texts['note of a review']]);
    await database.rows(`select watchpost.dismiss($1, 'not_them', $2)`, [
      alert.id,
      texts['note of a dismissal'],
    ]);
    await database.rows(`select watchpost.reopen($1)`, [alert.id]);

    // Somebody else whose photo looks like her, a photo that was not hers, and one who turned out to be her.
    const twin = await one(`insert into watchpost.person (name) values ($1) returning id`, [
      texts['other name'],
    ]);
    const refused = await one('select * from watchpost.add_person_photo($1, $2, 3::smallint)', [
      twin.id,
      sample(1),
    ]);
    expect(await untilFinal(database, refused.image_id)).toMatchObject({
      code: 'face_of_another',
      message: expect.stringContaining(texts.name),
    });
    const wrong = await one(
      `select * from watchpost.add_person_photo($1, $2, 1::smallint, null, '{face_unlike,face_of_another}')`,
      [personId, sample(4)],
    );
    await untilFinal(database, wrong.image_id);
    await database.rows('select watchpost.remove_photo($1, $2)', [
      wrong.person_photo_id,
      texts['reason of a removed photo'],
    ]);
    await database.rows(
      'insert into watchpost.cannot_link (person_id, other_person_id, reason) select $1, $2, $3',
      [
        personId,
        (await one(`insert into watchpost.person (name) values ('Bea') returning id`)).id,
        texts['reason of a cannot_link'],
      ],
    );
    await database.rows('select watchpost.merge_persons($1, $2, $3)', [
      personId,
      twin.id,
      texts['note of a merge'],
    ]);
    await database.rows(`select watchpost.record_access('report', 'person', $1, $2)`, [
      personId,
      texts['reason of an access'],
    ]);
    await database.rows(`select watchpost.begin_once('a call', sha256('a call'))`);
    await database.rows(`select watchpost.end_once('a call', 200, $1, null)`, [
      JSON.stringify({ alert_id: alert.id, note: texts['answer of a call'] }),
    ]);
    await until(async () => (await database.rows('select from watchpost.outbox')).length === 0);
    await worker.stop();
    await submit(database, sample(2), 'gate');
    await database.rows('analyze');
    await sealAll(database);

    const [photo] = await database.rows('select bytes from watchpost.image where id = $1', [ada.imageId]);
    const [enrolled] = await database.rows(
      `select f.crop, halfvec_send(r.vector) as vector, halfvec_send(v.vector) as mean
       from watchpost.reference as r
       join watchpost.embedding as e on e.id = r.embedding_id
       join watchpost.face as f on f.id = e.face_id
       join watchpost.person_vector as v on v.person_id = r.person_id
       where f.image_id = $1`,
      [ada.imageId],
    );
    const [seen] = await database.rows(
      `select f.crop, halfvec_send(e.vector) as vector
       from watchpost.match as m
       join watchpost.face as f on f.id = m.face_id
       join watchpost.embedding as e on e.face_id = f.id
       where m.person_id = $1 and m.superseded_at is null`,
      [personId],
    );
    needles = {
      texts,
      bytes: {
        photo: partOf(photo.bytes),
        crop: partOf(enrolled.crop),
        vector: partOfVector(enrolled.vector),
        'mean vector': partOfVector(enrolled.mean),
        'vector as sent': enrolled.vector.subarray(40, 82),
        'seen photo': partOf(sample(1)),
        'seen crop': partOf(seen.crop),
        'seen vector': partOfVector(seen.vector),
        'seen vector as sent': seen.vector.subarray(40, 82),
      },
    };
  });

  const all = () => [...Object.keys(needles.texts), ...Object.keys(needles.bytes)].toSorted();

  describe('before', () => {
    it('every search finds what it is to find', async () => {
      const inTables = await searchTables(database, needles);
      const asSent = (name: string) => name.endsWith('vector');
      expect(Object.keys(inTables).toSorted()).toEqual(
        all().filter((name) => (onServer ? !asSent(name) : !asSent(name) && !name.endsWith('sent'))),
      );
      expect(inTables.name).toEqual(expect.arrayContaining(['watchpost.person', 'watchpost.event_content']));
      // Of what is kept nothing has it, nor the planner's statistics, nor the queue of the consumer.
      for (const table of Object.values(inTables).flat())
        expect(table).not.toMatch(/event_\d|event_rest|handling|seal|outbox|_private_jobs|pg_statistic/);
      expect(
        await database.rows('select from graphile_worker.jobs where task_identifier = $1', ['mirror']),
      ).not.toEqual([]);
      if (onServer) {
        const inFiles = Object.keys(await searchFiles(database, needles));
        expect(all().filter((name) => !inFiles.includes(name) && !name.endsWith('sent'))).toEqual([]);
        expect((await searchFiles(database, needles, 'i')).ref).toEqual(['watchpost.person_external_ref']);
      }
      if (programs) expect(Object.keys(searchDump(programs, database, needles)).length).toBeGreaterThan(12);
      const folder = join(await temporaryFolder(), 'export');
      await exportPeople(database.db, folder);
      expect(Object.keys(await searchFolder(folder, needles))).toEqual(
        expect.arrayContaining(['name', 'birth', 'ref', 'reason of a cannot_link', 'photo']),
      );
    });

    it('gives readers of events, and consumers, all that an event says', async () => {
      const [event] = await database.rows(
        `select id, payload, erased from watchpost.full_event
         where topic = 'person.changed' and subject_id = $1 and payload->'new' ? 'name' order by id desc limit 1`,
        [personId],
      );
      expect(event).toMatchObject({ payload: { new: { name: texts.name } }, erased: false });
      expect((await one('select watchpost.event_payload($1) as payload', [event.id])).payload).toEqual(
        event.payload,
      );
    });

    it.each([
      `update watchpost.event_content set content = '{}'`,
      'delete from watchpost.event_content',
      'truncate watchpost.event_content',
    ])('%s is refused', async (statement) => {
      await expect(database.rows(statement)).rejects.toMatchObject({ code: 'WP020' });
    });

    it('a rehearsal counts what would go, and nothing goes', async () => {
      const before = await searchTables(database, needles);
      const { code, stdout } = await run(
        'erase',
        'person',
        texts.ref,
        '--with-matched-faces',
        '--dry-run',
        '--json',
      );
      expect(code).toBe(0);
      expect(JSON.parse(stdout).counts).toMatchObject({
        person: 2,
        alert: 1,
        alert_review: 3,
        person_merge: 1,
      });
      expect(await searchTables(database, needles)).toEqual(before);
    });
  });

  describe('after', () => {
    let receipt: Receipt & { proof_key: string };
    beforeAll(async () => {
      const { code, stdout, stderr } = await run(
        'erase',
        'person',
        texts.name,
        '--with-matched-faces',
        '--json',
      );
      expect(code, stderr).toBe(0);
      receipt = JSON.parse(stdout);
    });

    it('no row of any table has anything of it, and nobody else has lost anything', async () => {
      expect(await searchTables(database, needles)).toEqual({});
      expect(await database.rows(`select name from watchpost.person`)).toEqual([{ name: 'Bea' }]);
      // Two others are in the photo that she was seen in: their faces stay, the photo does not.
      expect(
        await one(
          `select i.bytes, (select count(*)::int from watchpost.face as f where f.image_id = i.id) as faces
           from watchpost.image as i where i.id = $1`,
          [seenIn],
        ),
      ).toEqual({ bytes: null, faces: 2 });
      expect(await database.rows('select rule, subject from watchpost.find_violations()')).toEqual([]);
    });

    it('no export has anything of it', async () => {
      const folder = join(await temporaryFolder(), 'export');
      await exportPeople(database.db, folder);
      expect(await searchFolder(folder, needles)).toEqual({});
    });

    it.skipIf(!programs)(`no dump has anything of it ${needsPrograms}`, () => {
      expect(searchDump(programs!, database, needles)).toEqual({});
    });

    it.skipIf(!onServer)(`no index has anything of it after "erase clean" ${needsServer}`, async () => {
      expect(await run('erase', 'clean')).toMatchObject({
        code: 0,
        stderr: expect.not.stringMatching('Error'),
      });
      expect(await searchFiles(database, needles, 'i')).toEqual({});
    });

    it.skipIf(!onServer)(
      `no file of the database has anything of it after "erase clean --full" ${needsServer}`,
      async () => {
        expect(await run('erase', 'clean', '--full')).toMatchObject({ code: 0 });
        expect(await searchFiles(database, needles)).toEqual({});
      },
    );

    it('leaves a receipt that is sealed, and a record that verifies and says nothing', async () => {
      expect(receipt).toMatchObject({
        what: 'person',
        subject_id: personId,
        finished_at: expect.any(String),
      });
      expect(receipt.counts).toMatchObject({
        person: 2,
        person_photo: 3,
        image: 3,
        'image.bytes': 1,
        alert: 1,
        alert_review: 3,
        watchlist_entry: 1,
        reference: 3,
        person_vector: 1,
        person_merge: 1,
        cannot_link: 1,
        notification: 1,
      });
      expect(Object.keys(receipt.hashes)).toEqual(Object.keys(receipt.counts));
      const [event] = await database.rows(`select * from watchpost.event where topic = 'erased'`);
      expect(event).toMatchObject({
        subject_id: personId,
        payload: { erasure_id: receipt.id, counts: receipt.counts, hashes: receipt.hashes, by: 'postgres' },
      });
      expect(await one('select key, actor from watchpost.erasure')).toEqual({ key: null, actor: 'postgres' });
      expect(
        await database.rows(
          `select erased, payload ? 'new' as says from watchpost.full_event
           where topic = 'person.changed' and subject_id = $1 and payload->>'change' <> 'deleted'`,
          [personId],
        ),
      ).toEqual(expect.arrayContaining([{ erased: true, says: false }]));
      await sealAll(database);
      expect(await verifyRecord(database)).toEqual([]);
      expect((await readExtent(database)).erased).toBe(receipt.counts.event_content);
      expect((await run('verify')).stdout).toMatch(/what \d+ of them said about people was erased/);
    });

    it('again gives the same receipt, and an unknown person is an error', async () => {
      const again = JSON.parse((await run('erase', 'person', personId, '--json')).stdout);
      expect(again).toMatchObject({ id: receipt.id, counts: receipt.counts, proof_key: null });
      expect((await run('erase', 'person', texts.name)).stderr).toMatch(/person_unknown/);
      expect((await run('erase', 'list')).stdout).toContain(receipt.id);
    });

    it('leaves nothing for workers but events that end as gone', async () => {
      const worker = await runWorker(database, await realVision());
      await until(async () => (await database.rows('select from watchpost.outbox')).length === 0);
      await worker.stop();
      expect(await database.rows('select task, code, error from watchpost.dead_letter')).toEqual([]);
      expect(await searchTables(database, needles)).toEqual({});
    });
  });
});
