import { answer, api, send } from './client.ts';
import { Problem } from './problem.ts';

/** The faces of a photo that is not stored; see POST /v1/detect. */
export interface Detected {
  readonly width: number;
  readonly height: number;
  readonly faces: readonly {
    readonly ordinal: number;
    readonly box: { readonly x: number; readonly y: number; readonly width: number; readonly height: number };
  }[];
}

/**
 * Finds the faces of a photo, which is not stored.
 *
 * @throws {Problem} image_*.
 */
export const detect = (file: File): Promise<Detected> => {
  const form = new FormData();
  form.append('image', file);
  return send<Detected>('POST', '/v1/detect', form);
};

/** Milliseconds between two looks at what became of a photo. */
const lookEvery = 300;

/**
 * Waits until a photo of a person is enrolled.
 *
 * @throws {Problem} why it was refused.
 */
export const untilEnrolled = async (person: string, photo: string): Promise<void> => {
  for (;;) {
    const { photos } = await answer(api.persons[':id'].$get({ param: { id: person } }));
    const found = photos.find((one) => one.id === photo);
    if (!found || found.state === 'enrolled') return;
    if (found.state === 'refused')
      throw new Problem(422, { code: found.code ?? '', detail: found.message ?? 'The photo was refused.' });
    await new Promise((resolve) => setTimeout(resolve, lookEvery));
  }
};

/**
 * Adds a photo of a person, and waits until it is enrolled.
 *
 * @param face counted from 1, from left to right; undefined: the photo has one.
 * @throws {Problem} why it was refused.
 */
export const addPhoto = async (person: string, file: File, face?: number): Promise<void> => {
  const form = new FormData();
  form.append('image', file);
  if (face !== undefined) form.append('face', String(face));
  const { id } = await send<{ id: string }>('POST', `/v1/persons/${person}/photos`, form);
  await untilEnrolled(person, id);
};
