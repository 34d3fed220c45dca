import { Hono } from 'hono';
import { z } from 'zod';
import { fromStored } from '../../database/at-rest.ts';
import { WatchpostError } from '../../errors.ts';
import { listOf } from '../../fields.ts';
import { inspectPhoto } from '../../intake/index.ts';
import { compareWithPhoto, seePhoto } from '../../search/index.ts';
import { formatOf } from '../../vision/format.ts';
import { upright } from '../../vision/index.ts';
import { recordAccess } from '../../watchlist/access.ts';
import { reasonOf } from '../access-reason.ts';
import { asCaller, transactions } from '../as-caller.ts';
import { idIn, readJson, readQuery } from '../body.ts';
import type { Compatible } from '../compatibility.ts';
import { assertScope } from '../operation.ts';
import { readPhotos } from '../photo-body.ts';
import type { Served } from '../services.ts';
import { likeness, statusAnswer, wantedFaces } from './answers.ts';
import {
  addExample,
  countExamples,
  findCollection,
  findExample,
  readExampleFile,
  readExamples,
  removeExamples,
} from './collection.ts';
import { detection, example, examplePage, ofSubject } from './fields.ts';
import { faceAnswers } from './recognition.ts';

/** /api/v1/recognition/faces: the photos of the people of a collection. */
export const examples = (services: Compatible) => {
  const { config, vision, turns, nudge } = services;
  return new Hono<Served>()
    .post('/', async (c) => {
      assertScope(c, 'enrol');
      const { photos, fields } = await readPhotos(c, ['file'], config.maxBodyBytes, example);
      await inspectPhoto(photos.file, { maxPixels: config.maxPixels });
      const image_id = await addExample(
        c.get('db'),
        transactions(c),
        {
          key: c.get('key'),
          subject: fields.subject,
          bytes: photos.file,
          submittedBy: c.get('actor'),
        },
        nudge,
      );
      return c.json({ image_id, subject: fields.subject }, 201);
    })

    .get('/', async (c) => {
      assertScope(c, 'read');
      const { page, size, subject } = readQuery(c, examplePage);
      const db = c.get('db');
      const list = await findCollection(db, c.get('key'));
      const total = await countExamples(db, list, subject);
      return c.json({
        faces: await readExamples(db, list, { subject, offset: page * size, limit: size }),
        page_number: page,
        page_size: size,
        total_pages: Math.ceil(total / size),
        total_elements: total,
      });
    })

    .delete('/', async (c) => {
      assertScope(c, 'enrol');
      const { subject } = readQuery(c, ofSubject);
      const deleted = await asCaller(c, async (trx) => {
        const found = await readExamples(trx, await findCollection(trx, c.get('key')), { subject });
        await removeExamples(trx, found);
        return found.length;
      });
      return c.json({ deleted });
    })

    .post('/delete', async (c) => {
      assertScope(c, 'enrol');
      const wanted = new Set((await readJson(c, listOf(z.guid()))).map((id) => id.toLowerCase()));
      // As in CompreFace, those that are not there are passed over.
      const removed = await asCaller(c, async (trx) => {
        const all = await readExamples(trx, await findCollection(trx, c.get('key')));
        const found = all.filter(({ image_id }) => wanted.has(image_id));
        await removeExamples(trx, found);
        return found;
      });
      return c.json(removed);
    })

    .delete('/:id', async (c) => {
      assertScope(c, 'enrol');
      const removed = await asCaller(c, async (trx) => {
        const found = await findExample(trx, await findCollection(trx, c.get('key')), idIn(c));
        await removeExamples(trx, [found]);
        return found;
      });
      return c.json(removed);
    })

    .get('/:id/img', async (c) => {
      assertScope(c, 'read');
      const reason = reasonOf(c);
      const file = await asCaller(c, async (trx) => {
        const found = await findExample(trx, await findCollection(trx, c.get('key')), idIn(c));
        const photo = await readExampleFile(trx, found.image_id);
        if (photo?.bytes) {
          await recordAccess(trx, {
            action: 'photo',
            subject: { kind: 'image', id: photo.image_id },
            reason,
          });
        }
        return photo?.bytes && { ...photo, bytes: await fromStored(trx, photo.bytes) };
      });
      if (!file) throw new WatchpostError('image_bytes_gone', 'The file of this example was dropped.');
      const { bytes, rotation } = file;
      const shown = rotation === 0 ? bytes : await turns.take(() => upright(bytes, rotation));
      return c.body(new Uint8Array(shown), 200, {
        'content-type': `image/${formatOf(shown) ?? 'jpeg'}`,
        'cache-control': 'no-store',
      });
    })

    .post('/:id/verify', async (c) => {
      assertScope(c, 'read');
      const reason = reasonOf(c);
      const { photos, fields: wanted } = await readPhotos(c, ['file'], config.maxBodyBytes, detection);
      await inspectPhoto(photos.file, { maxPixels: config.maxPixels });
      const photo = await turns.take(() => seePhoto(vision, photos.file));
      const faces = wantedFaces(photo.faces, wanted);
      const similarities = await asCaller(c, async (trx) => {
        const found = await findExample(trx, await findCollection(trx, c.get('key')), idIn(c));
        const compared = await compareWithPhoto(trx, vision.embedder, faces, found.image_id);
        await recordAccess(trx, {
          action: 'compare',
          reason,
          details: { sha256: photo.sha256, faces: faces.length, person_photo_id: found.image_id },
        });
        return compared;
      });
      const answers = await faceAnswers(services, c, photos.file, faces, wanted);
      return c.json({
        result: answers.map((face, index) => ({ ...face, similarity: likeness(similarities[index] ?? 0) })),
        ...statusAnswer(vision, wanted),
      });
    });
};
