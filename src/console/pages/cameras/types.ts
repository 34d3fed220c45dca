import type { AnswerOf, api } from '../../api/client.ts';

/** A camera in use. */
export type CameraRow = AnswerOf<Awaited<ReturnType<typeof api.cameras.$get>>>['cameras'][number];

/** A floor plan or map. */
export type Plan = AnswerOf<Awaited<ReturnType<typeof api.plans.$get>>>['plans'][number];
