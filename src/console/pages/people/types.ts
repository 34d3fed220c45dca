import type { AnswerOf, api } from '../../api/client.ts';

/** A person of the list. */
export type Person = AnswerOf<Awaited<ReturnType<typeof api.persons.$get>>>['persons'][number];

/** A person with their photos, lists and who was merged into them. */
export type PersonReport = AnswerOf<Awaited<ReturnType<(typeof api.persons)[':id']['$get']>>>;

/** What a part of a person's page gets. */
export interface PartOfPerson {
  readonly person: PersonReport;
  /** Another number: read again. */
  readonly turn: number;
  readonly onChange: () => Promise<void>;
}

/** Why somebody's face may be kept, in words. */
export const legalBases = [
  ['consent', 'Consent'],
  ['explicit_consent', 'Explicit consent'],
  ['contract', 'Contract'],
  ['legal_obligation', 'Legal obligation'],
  ['vital_interest', 'Vital interest'],
  ['public_task', 'Public task'],
  ['legitimate_interest', 'Legitimate interest'],
  ['substantial_public_interest', 'Substantial public interest'],
  ['law_enforcement', 'Law enforcement'],
  ['unspecified', 'Nobody has said yet'],
] as const;
