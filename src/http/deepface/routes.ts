import type { Context, Hono } from 'hono';
import { toWatchpostError } from '../../convert-error.ts';
import { problems, WatchpostError } from '../../errors.ts';
import type { Log } from '../../log.ts';
import { comparePhotos, type SeenFace, seePhoto } from '../../search/index.ts';
import { recordAccess } from '../../watchlist/access.ts';
import { reasonOf } from '../access-reason.ts';
import { asCaller } from '../as-caller.ts';
import { askedBy } from '../asked.ts';
import { assertVectorsAllowed, type Compatible, describeFaces, isDescribing } from '../compatibility.ts';
import { assertScope } from '../operation.ts';
import type { Served } from '../services.ts';
import { analyzed, readCall, represented, verified } from './fields.ts';

/**
 * DeepFace's API: POST /represent, /verify and /analyze, with the models of this installation. Its differences are listed
 * in docs/migrate.md.
 *
 * @param guarded an app that admits keys and reads bodies.
 */
export const deepface = (services: Compatible, guarded: Hono<Served>) =>
  guarded
    .onError(deepfaceProblem(services.log))
    .post('/represent', async (c) => {
      assertScope(c, 'read');
      assertVectorsAllowed(services);
      const { photos, fields } = await readCall(c, services, ['img'], represented);
      const faces = await facesOf(c, services, photos.img, fields.enforce_detection);
      return c.json({
        results: faces.slice(0, fields.max_faces ?? faces.length).map((face) => ({
          embedding: [...face.embedding.vector],
          facial_area: areaOf(face),
          face_confidence: face.found.score,
        })),
      });
    })

    .post('/verify', async (c) => {
      assertScope(c, 'read');
      const begun = performance.now();
      const { photos, fields } = await readCall(c, services, ['img1', 'img2'], verified);
      const { vision, turns } = services;
      const metric = metrics[fields.distance_metric];
      const least =
        fields.threshold == null ? vision.embedder.thresholds.default : metric.cosine(fields.threshold);
      const compared = await turns.take(() =>
        comparePhotos(vision, { image: photos.img1, other: photos.img2 }, { threshold: least }, askedBy(c)),
      );
      const { best } = compared;
      if (!best) throw noFace();
      const [one, other] = [
        compared.image.faces.find(({ ordinal }) => ordinal === best.face),
        compared.other.faces.find(({ ordinal }) => ordinal === best.other_face),
      ];
      return c.json({
        verified: compared.match,
        distance: metric.distance(best.similarity),
        threshold: metric.distance(least),
        model: vision.embedder.id,
        detector_backend: vision.detector.id,
        similarity_metric: fields.distance_metric,
        facial_areas: {
          img1: one && areaIn(one.box, one.points),
          img2: other && areaIn(other.box, other.points),
        },
        time: Math.round(performance.now() - begun) / 1000,
      });
    })

    .post('/analyze', async (c) => {
      assertScope(c, 'read');
      if (!(await isDescribing(c.get('db')))) {
        throw new WatchpostError('describe_off', 'Age and gender are not estimated here.', {
          hint: 'An administrator switches it on with "watchpost describe on".',
        });
      }
      const { photos, fields } = await readCall(c, services, ['img'], analyzed);
      const faces = await facesOf(c, services, photos.img, fields.enforce_detection);
      const described = await describeFaces(services, photos.img, faces);
      const wanted = new Set(fields.actions);
      return c.json({
        results: faces.map((face) => {
          const { age = 0, male = 0 } = described.get(face) ?? {};
          return {
            ...(wanted.has('age') ? { age: Math.round(age) } : {}),
            ...(wanted.has('gender')
              ? {
                  gender: { Woman: 100 * (1 - male), Man: 100 * male },
                  dominant_gender: male >= 0.5 ? 'Man' : 'Woman',
                }
              : {}),
            region: areaOf(face),
            face_confidence: face.found.score,
          };
        }),
        // Neither is estimated here, and the law forbids much of it.
        left_out: fields.actions.filter((action) => action === 'emotion' || action === 'race'),
      });
    });

/** Distances of vectors of length 1, by their cosine, and back. */
const euclidean = {
  distance: (cosine: number) => Math.sqrt(Math.max(0, 2 - 2 * cosine)),
  cosine: (distance: number) => 1 - distance ** 2 / 2,
};
const metrics = {
  cosine: { distance: (cosine: number) => 1 - cosine, cosine: (distance: number) => 1 - distance },
  euclidean,
  euclidean_l2: euclidean,
};

const noFace = () =>
  new WatchpostError('face_missing', 'Face could not be detected in the photo, or in one of them.');

/** The faces of a photo that is not stored, recorded as looked through. */
const facesOf = async (
  c: Context<Served>,
  { vision, turns }: Compatible,
  bytes: Buffer,
  enforce: boolean,
): Promise<readonly SeenFace[]> => {
  const reason = reasonOf(c);
  const photo = await turns.take(() => seePhoto(vision, bytes));
  const details = { sha256: photo.sha256, faces: photo.faces.length };
  await asCaller(c, (trx) => recordAccess(trx, { action: 'detect', reason, details }));
  if (photo.faces.length === 0 && enforce) throw noFace();
  return photo.faces;
};

const areaOf = ({ found }: SeenFace) => areaIn(found.box, found.points.flat());

/** A box with the eyes, which DeepFace names from the person's own side. */
const areaIn = (
  box: { x: number; y: number; width: number; height: number },
  [leftX = 0, leftY = 0, rightX = 0, rightY = 0]: readonly number[],
) => ({
  x: Math.round(box.x),
  y: Math.round(box.y),
  w: Math.round(box.width),
  h: Math.round(box.height),
  left_eye: [Math.round(rightX), Math.round(rightY)],
  right_eye: [Math.round(leftX), Math.round(leftY)],
});

/** Answers errors in the form of DeepFace, with our stable code beside the sentence. */
const deepfaceProblem = (log: Log) => (thrown: Error, c: Context) => {
  const error = toWatchpostError(thrown);
  const { status } = problems[error.code];
  if (status >= 500 && error.code !== 'database_unavailable') {
    log.error({ method: c.req.method, path: c.req.path, code: error.code, err: thrown }, error.message);
  }
  if (status === 503 || status === 429) c.header('Retry-After', '5');
  const message = error.hint ? `${error.message} ${error.hint}` : error.message;
  // DeepFace answers 400 to everything that is wrong with a photo or a parameter.
  return c.json({ error: message, code: error.code }, status === 415 || status === 422 ? 400 : status);
};
