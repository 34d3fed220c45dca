import type { ComponentChildren } from 'preact';

/** What a word is about, by colour. The word itself always says it too. */
type Tone = 'neutral' | 'info' | 'warning' | 'critical' | 'good';

/** A word in a coloured pill, as a state or a severity. */
export const Badge = ({ tone = 'neutral', children }: { tone?: Tone; children: ComponentChildren }) => (
  <span class="badge" data-tone={tone}>
    {children}
  </span>
);

/** The tone of a severity: info, warning or critical. */
export const toneOfSeverity = (severity: string): Tone =>
  severity === 'critical' || severity === 'warning' ? severity : 'info';

/** The tone of an alert's state. */
export const toneOfState = (state: string): Tone =>
  (({ open: 'info', acknowledged: 'warning', confirmed: 'good' })[state] as Tone | undefined) ?? 'neutral';
