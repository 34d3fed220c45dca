import { type Context, Hono } from 'hono';
import { WatchpostError } from '../../errors.ts';
import { inspectPhoto } from '../../intake/index.ts';
import {
  cosine,
  personsIn,
  type SearchedFace,
  type SeenFace,
  searchPeople,
  seePhoto,
} from '../../search/index.ts';
import { recordAccess } from '../../watchlist/access.ts';
import { reasonOf } from '../access-reason.ts';
import { asCaller } from '../as-caller.ts';
import { assertVectorsAllowed, type Compatible, describeFaces, isDescribing } from '../compatibility.ts';
import { assertScope } from '../operation.ts';
import { readPhotos } from '../photo-body.ts';
import type { Served } from '../services.ts';
import { faceAnswer, likeness, statusAnswer, wantedFaces } from './answers.ts';
import { findCollection } from './collection.ts';
import { detection, recognition as recognitionFields, type Wanted } from './fields.ts';

/** /api/v1/recognition/recognize, /api/v1/detection/detect and /api/v1/verification/verify. Nothing is stored. */
export const recognition = (services: Compatible) => {
  const { config, vision, turns } = services;
  const look = async (bytes: Buffer) => {
    await inspectPhoto(bytes, { maxPixels: config.maxPixels });
    return turns.take(() => seePhoto(vision, bytes));
  };
  return new Hono<Served>()
    .post('/recognition/recognize', async (c) => {
      assertScope(c, 'read');
      const reason = reasonOf(c);
      const { photos, fields: wanted } = await readPhotos(
        c,
        ['file'],
        config.maxBodyBytes,
        recognitionFields,
      );
      const photo = await look(photos.file);
      const faces = wantedFaces(photo.faces, wanted);
      const searched = await asCaller(c, async (trx) => {
        const list = await findCollection(trx, c.get('key'));
        const found = list
          ? await searchPeople(trx, vision.embedder, faces, {
              watchlists: [list],
              most: wanted.prediction_count,
            })
          : undefined;
        await recordAccess(trx, {
          action: 'search',
          reason,
          persons: personsIn(found?.faces ?? []),
          details: {
            sha256: photo.sha256,
            faces: faces.length,
            outcomes: found?.faces.map((one) => one.outcome),
          },
        });
        return found?.faces ?? [];
      });
      const answers = await faceAnswers(services, c, photos.file, faces, wanted);
      return c.json({
        result: answers.map((face, index) => ({ ...face, subjects: subjectsOf(searched[index]) })),
        ...statusAnswer(vision, wanted),
      });
    })

    .post('/detection/detect', async (c) => {
      assertScope(c, 'read');
      const reason = reasonOf(c);
      const { photos, fields: wanted } = await readPhotos(c, ['file'], config.maxBodyBytes, detection);
      const photo = await look(photos.file);
      const faces = wantedFaces(photo.faces, wanted);
      const details = { sha256: photo.sha256, faces: faces.length };
      await asCaller(c, (trx) => recordAccess(trx, { action: 'detect', reason, details }));
      return c.json({
        result: await faceAnswers(services, c, photos.file, faces, wanted),
        ...statusAnswer(vision, wanted),
      });
    })

    .post('/verification/verify', async (c) => {
      assertScope(c, 'read');
      const reason = reasonOf(c);
      const { photos, fields: wanted } = await readPhotos(
        c,
        ['source_image', 'target_image'],
        config.maxBodyBytes,
        detection,
      );
      const [source, target] = [await look(photos.source_image), await look(photos.target_image)];
      const [face, ...others] = wantedFaces(source.faces, { ...wanted, limit: 0 });
      if (others.length > 0) {
        throw new WatchpostError('faces_several', 'Found more than one face in the source image');
      }
      const faces = wantedFaces(target.faces, wanted);
      const similarities = faces.map((one) => likeness(cosine(face as SeenFace, one)));
      const details = { sha256: [source.sha256, target.sha256], similarity: Math.max(...similarities) };
      await asCaller(c, (trx) => recordAccess(trx, { action: 'compare', reason, details }));
      const [sourceAnswer] = await faceAnswers(services, c, photos.source_image, [face as SeenFace], wanted);
      const answers = await faceAnswers(services, c, photos.target_image, faces, wanted);
      return c.json({
        result: [
          {
            source_image_face: sourceAnswer,
            face_matches: answers.map((answer, index) => ({ ...answer, similarity: similarities[index] })),
            ...statusAnswer(vision, wanted),
          },
        ],
      });
    });
};

/**
 * The most similar people, as CompreFace gives them: whatever their similarity. None for a face that fails the quality
 * gate, whose similarities are unreliable, and nobody who is ruled out.
 */
const subjectsOf = (searched: SearchedFace | undefined) =>
  searched === undefined || searched.face.gate.length > 0
    ? []
    : searched.candidates
        .filter(({ ruled_out }) => !ruled_out)
        .map(({ person, similarity }) => ({ subject: person, similarity: likeness(similarity) }));

/**
 * Faces with what their plugins have found. Age and gender are left out where nobody has switched them on.
 *
 * @throws {WatchpostError} vectors_kept if the plugin calculator is asked for.
 */
export const faceAnswers = async (
  services: Compatible,
  c: Context<Served>,
  bytes: Buffer,
  faces: readonly SeenFace[],
  wanted: Wanted,
) => {
  const vectors = wanted.plugins.has('calculator');
  if (vectors) assertVectorsAllowed(services);
  const asked = wanted.plugins.has('age') || wanted.plugins.has('gender');
  const described =
    asked && (await isDescribing(c.get('db'))) ? await describeFaces(services, bytes, faces) : undefined;
  return faces.map((face) => faceAnswer(face, wanted, { demography: described?.get(face), vectors }));
};
