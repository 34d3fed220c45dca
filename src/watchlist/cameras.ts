import type { Kysely } from 'kysely';
import type { DB } from '../database/types.generated.ts';
import { orNameTaken } from '../database/unique.ts';
import type { FaceRange } from '../vision/index.ts';

/**
 * Adds a camera.
 *
 * @throws {WatchpostError} name_taken.
 */
export const addCamera = (
  db: Kysely<DB>,
  camera: {
    name: string;
    location: string;
    zone?: string | undefined;
    faces?: FaceRange | undefined;
  },
) =>
  orNameTaken(
    `The camera name ${JSON.stringify(camera.name)}`,
    db
      .insertInto('watchpost.camera')
      .values({
        name: camera.name,
        location: camera.location,
        zone: camera.zone ?? null,
        ...(camera.faces ? { faces: camera.faces } : {}),
      })
      .returning(['id', 'name', 'location', 'zone', 'faces'])
      .executeTakeFirstOrThrow(),
  );
