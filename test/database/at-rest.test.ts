import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  fingerprintOf,
  fromStored,
  isEncrypted,
  toStored,
  useEncryptionKey,
} from '../../src/database/at-rest.ts';
import { submitPhoto } from '../../src/intake/index.ts';
import { exportPeople } from '../../src/transfer/export.ts';
import { addPersonPhoto, addToWatchlist, addWatchlist } from '../../src/watchlist/registry.ts';
import { temporaryFolder, watchpost } from '../commands/support.ts';
import { type Api, serve } from '../http/support.ts';
import { atEnd } from '../support/at-end.ts';
import type { TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { submit, untilFinal } from '../support/pipeline.ts';

/** The site that is there from the beginning. */
const defaultSite = '00000000-0000-7000-8000-000000000000';

describe('photos at rest', () => {
  let database: TestDatabase;
  let api: Api;
  let keyFile: string;
  let key: Buffer;
  let personId: string;
  let enrolled: string;
  const one = async (text: string, values: unknown[] = []) => (await database.rows(text, values))[0];
  const run = (...args: string[]) =>
    watchpost(args, { DATABASE_URL: database.url, WATCHPOST_ENCRYPTION_KEY_FILE: keyFile });
  const storedOf = async (imageId: string): Promise<Buffer> =>
    (await one('select bytes from watchpost.image where id = $1', [imageId])).bytes;

  beforeAll(async () => {
    keyFile = join(await temporaryFolder(), 'key');
    const made = await watchpost(['encryption', 'make-key', keyFile]);
    expect(made.code, made.stderr).toBe(0);
    key = Buffer.from((await readFile(keyFile, 'utf8')).trim(), 'base64');
    atEnd(() => useEncryptionKey(undefined));
    useEncryptionKey(key);
    ({ database, api } = await serve());
    await database.rows(`insert into watchpost.camera (name, location) values ('gate', 'North gate')`);
    const list = await addWatchlist(database.db, { name: 'wanted' });
    personId = (await one(`insert into watchpost.person (name) values ('Ada') returning id`)).id;
    await addToWatchlist(database.db, list.id, personId);
    const photo = await addPersonPhoto(database, { personId, bytes: sample(3), chosenFace: 2 });
    expect(await untilFinal(database, photo.image_id)).toMatchObject({ state: 'done' });
    enrolled = photo.image_id;
  });
  // A command sets the key of its own settings.
  beforeEach(() => useEncryptionKey(key));

  it('are encrypted, with their own size and hash, as are the crops, and matching is not affected', async () => {
    const { id } = await submitPhoto(database, { bytes: sample(1), camera: 'gate', idempotencyKey: 'a' });
    expect(await untilFinal(database, id)).toMatchObject({ state: 'done', faces: 3, matches: 1, alerts: 1 });
    for (const image of [id, enrolled]) {
      const stored = await storedOf(image);
      expect(isEncrypted(stored)).toBe(true);
      expect(stored.includes(sample(image === id ? 1 : 3).subarray(5000, 5040))).toBe(false);
    }
    expect(
      await one(`select byte_length, sha256 = sha256($2) as same from watchpost.image where id = $1`, [
        id,
        sample(1),
      ]),
    ).toEqual({ byte_length: sample(1).length, same: true });
    expect(await fromStored(database.db, await storedOf(id))).toEqual(sample(1));
    const crops = await database.rows('select id, crop from watchpost.face');
    expect(crops.every(({ crop }) => isEncrypted(crop))).toBe(true);
    const { status, headers } = await api.call('GET', `/v1/faces/${crops[0].id}/crop`);
    expect([status, headers.get('content-type')]).toEqual([200, 'image/jpeg']);
    // The same photo under the same key is the same image, though it is encrypted anew.
    expect(await submitPhoto(database, { bytes: sample(1), camera: 'gate', idempotencyKey: 'a' })).toEqual({
      id,
      known: true,
    });
    await expect(
      submitPhoto(database, { bytes: sample(2), camera: 'gate', idempotencyKey: 'a' }),
    ).rejects.toMatchObject({
      code: 'WP003',
    });
  });

  it('that are inserted by SQL are encrypted when a worker first reads them', async () => {
    const id = await submit(database, sample(4), 'gate');
    expect(await untilFinal(database, id)).toMatchObject({ state: 'done', faces: 4 });
    expect(isEncrypted(await storedOf(id))).toBe(true);
    expect(await fromStored(database.db, await storedOf(id))).toEqual(sample(4));
  });

  it('cannot be replaced by another photo, nor handed in under a key that nobody has', async () => {
    const other = await toStored(database.db, sample(5), () => defaultSite);
    await expect(
      database.rows('update watchpost.image set bytes = $2 where id = $1', [enrolled, other]),
    ).rejects.toMatchObject({ code: 'WP008' });
    const unknown = Buffer.concat([other.subarray(0, 5), randomBytes(16), other.subarray(21)]);
    await expect(submit(database, unknown)).rejects.toMatchObject({ code: 'WP092' });
  });

  it('are exported as they were submitted', async () => {
    const folder = join(await temporaryFolder(), 'export');
    await exportPeople(database.db, folder);
    expect(await readFile(join(folder, 'Ada', '1.jpg'))).toEqual(sample(3));
  });

  it('are refused with a code if they were altered, or this process has no key or another one', async () => {
    const stored = await storedOf(enrolled);
    for (const at of [30, 70, 100, stored.length - 1]) {
      const altered = Buffer.from(stored);
      altered[at] = (altered[at] as number) ^ 1;
      await expect(fromStored(database.db, altered)).rejects.toMatchObject({ code: 'stored_bytes_altered' });
    }
    for (const wrong of [undefined, randomBytes(32)]) {
      useEncryptionKey(wrong);
      await expect(fromStored(database.db, stored)).rejects.toMatchObject({ code: 'encryption_key_missing' });
    }
    const { code, stderr } = await watchpost(['work'], { DATABASE_URL: database.url });
    expect([code, stderr]).toEqual([1, expect.stringContaining('WATCHPOST_ENCRYPTION_KEY_FILE')]);
  });

  it('are decrypted and encrypted again by command, and keys wrapped by another', async () => {
    const before = JSON.parse((await run('encryption', 'status', '--json')).stdout);
    expect(before).toMatchObject({ key: fingerprintOf(key), photos: { plain: 0 }, crops: { plain: 0 } });
    expect((await run('encryption', 'decrypt')).code).toBe(0);
    expect(await storedOf(enrolled)).toEqual(sample(3));
    expect((await run('encryption', 'encrypt')).code).toBe(0);
    const { photos, crops } = JSON.parse((await run('encryption', 'status', '--json')).stdout);
    expect({ photos, crops }).toEqual({ photos: before.photos, crops: before.crops });

    const older = keyFile;
    keyFile = join(await temporaryFolder(), 'key');
    await writeFile(keyFile, randomBytes(32).toString('hex'));
    expect(await run('encryption', 'rewrap', '--from-file', older)).toMatchObject({ code: 0 });
    key = Buffer.from(await readFile(keyFile, 'utf8'), 'hex');
    useEncryptionKey(key);
    expect(await fromStored(database.db, await storedOf(enrolled))).toEqual(sample(3));
  });

  describe('of another site', () => {
    let north: string;
    let northern: string;
    let southern: string;
    const cropsOf = (imageId: string) =>
      database.rows('select id, crop from watchpost.face where image_id = $1', [imageId]);

    beforeAll(async () => {
      await database.rows(`insert into watchpost.site (name) values ('north')`);
      north = (await one(`select watchpost.find_site('north') as id`)).id;
      await database.rows(
        `insert into watchpost.camera (name, location, site_id) values ('pier', 'North pier', $1)`,
        [north],
      );
      const list = await addWatchlist(database.db, { name: 'wanted', site: 'north' });
      await addToWatchlist(database.db, list.id, personId);
      useEncryptionKey(key);
      northern = (await submitPhoto(database, { bytes: sample(1), camera: 'pier' })).id;
      southern = (await submitPhoto(database, { bytes: sample(1), camera: 'gate' })).id;
      for (const id of [northern, southern])
        expect(await untilFinal(database, id)).toMatchObject({ state: 'done', faces: 3, matches: 1 });
    });

    it('are encrypted by its key, photo and crops, however they come in', async () => {
      const keys = async (imageId: string) => {
        const [photo] = await database.rows(
          `select k.site_id from watchpost.image as i
           join watchpost.data_key as k on k.id = watchpost.data_key_of(i.bytes) where i.id = $1`,
          [imageId],
        );
        const crops = await database.rows(
          `select distinct k.site_id from watchpost.face as f
           join watchpost.data_key as k on k.id = watchpost.data_key_of(f.crop) where f.image_id = $1`,
          [imageId],
        );
        return [photo, ...crops].map(({ site_id }) => site_id);
      };
      expect(await keys(northern)).toEqual([north, north]);
      expect(await keys(southern)).toEqual([defaultSite, defaultSite]);
      expect(await keys(enrolled)).toEqual([defaultSite, defaultSite]);

      const bySql = await submit(database, sample(4), 'pier');
      await untilFinal(database, bySql);
      expect(await keys(bySql)).toEqual([north, north]);

      // Of a key that is bound to the site, without a camera.
      const { body: guards } = await api.call('POST', '/v1/keys', {
        name: 'guards',
        scopes: ['submit', 'read', 'enrol'],
        sites: ['north'],
      });
      const asGuards = { authorization: `Bearer ${guards.key}` };
      const posted = await api.call('POST', '/v1/images', sample(4), {
        ...asGuards,
        'content-type': 'image/jpeg',
      });
      expect(posted).toMatchObject({ status: 202 });
      await untilFinal(database, posted.body.id);
      expect(await keys(posted.body.id)).toEqual([north, north]);
      // Ada is on the list of the north, but the key that her photo is encrypted by is of the other site.
      const [ada] = await cropsOf(enrolled);
      expect((await api.call('GET', `/v1/faces/${ada.id}/crop`, undefined, asGuards)).status).toBe(200);
    });

    it('are not taken if the key of another site has encrypted them', async () => {
      const other = await toStored(database.db, sample(5), () => defaultSite);
      await expect(submit(database, other, 'pier')).rejects.toMatchObject({ code: 'WP092' });
      const plain = await one(
        `insert into watchpost.image (bytes, purpose, site_id) values ($1, 'reference', $2) returning id`,
        [sample(5), north],
      );
      await expect(
        database.rows('select watchpost.encrypt_image($1, $2)', [plain.id, other]),
      ).rejects.toMatchObject({ code: 'WP092' });
      await database.rows('delete from watchpost.image where id = $1', [plain.id]);
    });

    it('are the only ones that cannot be read once its key is destroyed, and matching goes on', async () => {
      const readable = async () => {
        const stored = await database.rows(
          `select site_id, bytes as stored from watchpost.image
           union all
           select i.site_id, f.crop from watchpost.face as f join watchpost.image as i on i.id = f.image_id`,
        );
        const sites = { read: new Set<string>(), lost: new Set<string>(), all: stored.length };
        for (const { site_id, stored: bytes } of stored)
          await fromStored(database.db, bytes).then(
            () => sites.read.add(site_id),
            ({ code }) => {
              expect(code).toBe('encryption_key_destroyed');
              sites.lost.add(site_id);
            },
          );
        return sites;
      };
      const before = await readable();
      expect([...before.read].toSorted()).toEqual([defaultSite, north].toSorted());

      const asked = await run('encryption', 'destroy', '--site', 'north');
      expect(asked).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/^\d+ photos and \d+ crops of the site north could not/),
      });
      expect(await run('encryption', 'destroy', '--site', 'nowhere', '--yes')).toMatchObject({ code: 1 });
      const { stdout } = await run('encryption', 'destroy', '--site', 'north', '--yes');
      expect(stdout).toBe('1 key is destroyed\n');
      useEncryptionKey(key);
      const after = await readable();
      expect(after).toEqual({ read: new Set([defaultSite]), lost: new Set([north]), all: before.all });
      const { body } = await api.call('GET', `/v1/faces/${(await cropsOf(northern))[0].id}/crop`);
      expect(body).toMatchObject({ code: 'encryption_key_destroyed' });

      const { id: again } = await submitPhoto(database, { bytes: sample(1), camera: 'pier' });
      expect(await untilFinal(database, again)).toMatchObject({ state: 'done', matches: 1 });
      expect(await fromStored(database.db, await storedOf(again))).toEqual(sample(1));
    });

    it('are left as they are by decrypt and encrypt, which convert the others', async () => {
      const lost = async () => JSON.parse((await run('encryption', 'status', '--json')).stdout);
      const before = await lost();
      expect(before.photos.lost).toBeGreaterThan(0);
      expect(before.keys.map((one: { site: string }) => one.site)).toContain('north');
      expect(await run('encryption', 'decrypt')).toMatchObject({ code: 0 });
      expect((await lost()).photos).toEqual({
        encrypted: 0,
        plain: before.photos.encrypted,
        lost: before.photos.lost,
      });
      expect((await run('encryption', 'encrypt')).code).toBe(0);
      expect((await lost()).photos).toEqual(before.photos);
    });
  });

  it('cannot be read any more once the keys are destroyed, on record; people are still recognised', async () => {
    expect(await run('encryption', 'destroy')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('--yes'),
    });
    expect((await run('encryption', 'destroy', '--yes')).stdout).toBe('2 keys are destroyed\n');
    useEncryptionKey(key);
    await expect(fromStored(database.db, await storedOf(enrolled))).rejects.toMatchObject({
      code: 'encryption_key_destroyed',
    });
    const [face] = await database.rows('select id from watchpost.face order by id limit 1');
    expect(await api.call('GET', `/v1/faces/${face.id}/crop`)).toMatchObject({
      status: 410,
      body: { code: 'encryption_key_destroyed' },
    });
    const changes = await database.rows(
      `select payload ->> 'change' as change from watchpost.event where topic = 'data_key.changed' order by id`,
    );
    expect(changes.map(({ change }) => change)).toEqual([
      ...['made', 'destroyed', 'made', 'wrapped again'],
      ...['made', 'destroyed', 'made'],
      ...['destroyed', 'destroyed', 'made', 'made'],
      ...['destroyed', 'destroyed'],
    ]);
    const { id } = await submitPhoto(database, { bytes: sample(1), camera: 'gate' });
    expect(await untilFinal(database, id)).toMatchObject({ state: 'done', matches: 1 });
    expect(await fromStored(database.db, await storedOf(id))).toEqual(sample(1));
  });
});
