import type { AnswerOf, api } from '../../api/client.ts';

/** How the pipeline stands. */
export type Pipeline = AnswerOf<Awaited<ReturnType<typeof api.pipeline.$get>>>;
