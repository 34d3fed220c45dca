import type { AnswerOf, api } from '../../api/client.ts';

/** The cameras with their last photos; `silent_since` of one whose alarm is on. */
export type Cameras = readonly (AnswerOf<Awaited<ReturnType<typeof api.cameras.$get>>>['cameras'][number] & {
  readonly silent_since?: string | null;
})[];
