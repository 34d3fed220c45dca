import type { AnswerOf, api } from '../../api/client.ts';

/** A watchlist. */
export type List = AnswerOf<Awaited<ReturnType<typeof api.watchlists.$get>>>['watchlists'][number];
