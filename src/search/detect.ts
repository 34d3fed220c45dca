import { toWatchpostError } from '../convert-error.ts';
import type { FaceRange, Vision } from '../vision/index.ts';
import { recordAccess } from '../watchlist/access.ts';
import { assertEnrollable, enrolmentLimits, refusalsOf } from '../watchlist/enrolment.ts';
import type { Asked } from './search.ts';
import { faceReport, photoReport, type SeenPhoto, seePhoto } from './see.ts';

/**
 * Finds the faces of a photo, with their quality, and says why the photo or a face of it would not enrol somebody. Nothing
 * is stored but a row of `access`.
 *
 * @param bytes of a file, inspected by inspectPhoto.
 * @throws {VisionError} image_*.
 */
export const detectInPhoto = async (
  vision: Vision,
  bytes: Uint8Array,
  wanted: { readonly faces?: FaceRange | undefined },
  asked: Asked,
) => {
  const photo = await seePhoto(vision, bytes, wanted.faces);
  await asked.transact((trx) =>
    recordAccess(trx, {
      action: 'detect',
      reason: asked.reason,
      persons: [],
      details: { sha256: photo.sha256, faces: photo.faces.length },
    }),
  );
  const limits = enrolmentLimits(vision);
  return {
    ...photoReport(photo),
    enrolment: whyNot(photo),
    faces: photo.faces.map((face) => {
      const report = faceReport(face);
      return { ...report, refusals: refusalsOf(report.quality, limits) };
    }),
  };
};

/** Why the photo enrols nobody unless a face of it is chosen; null: it has one face. */
const whyNot = ({ faces, leftOut, undecodedShare }: SeenPhoto) => {
  try {
    assertEnrollable({ faces: { length: faces.length + leftOut }, undecodedShare }, null);
    return null;
  } catch (error) {
    const { code, message } = toWatchpostError(error);
    return { code, message };
  }
};
