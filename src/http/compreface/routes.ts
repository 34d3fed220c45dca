import type { Hono } from 'hono';
import type { Compatible } from '../compatibility.ts';
import type { Served } from '../services.ts';
import { examples } from './examples.ts';
import { comprefaceProblem } from './problem.ts';
import { recognition } from './recognition.ts';
import { subjects } from './subjects.ts';

/**
 * The part of CompreFace's REST API that its clients use, version 1.2, on the people, lists and rights of this
 * installation. Its differences are listed in docs/migrate.md.
 *
 * @param guarded an app that admits keys and reads bodies.
 */
export const compreface = (services: Compatible, guarded: Hono<Served>) =>
  guarded
    .onError(comprefaceProblem(services.log))
    .route('/api/v1/recognition/subjects', subjects())
    .route('/api/v1/recognition/faces', examples(services))
    .route('/api/v1', recognition(services));
