import type { AnswerOf, api } from '../../api/client.ts';

type Rules = (typeof api)['stranger-rules'];
type Alerts = (typeof api)['stranger-alerts'];

/** A rule about people who are on no list. */
export type StrangerRule = AnswerOf<Awaited<ReturnType<Rules['$get']>>>['rules'][number];

/** An alert that such a rule has led to. */
export type StrangerAlert = AnswerOf<Awaited<ReturnType<Alerts['$get']>>>['alerts'][number];
