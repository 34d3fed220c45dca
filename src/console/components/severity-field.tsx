import { ChoiceField } from './form.tsx';

const severities = [
  ['info', 'Info'],
  ['warning', 'Warning'],
  ['critical', 'Critical'],
] as const;

/** One of the severities. */
export const SeverityField = (field: {
  readonly label: string;
  readonly name: string;
  readonly value: string;
}) => <ChoiceField {...field} options={severities} />;
