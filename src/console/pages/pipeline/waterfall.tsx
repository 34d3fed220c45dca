import type { AnswerOf, api } from '../../api/client.ts';

type Image = AnswerOf<Awaited<ReturnType<(typeof api.images)[':id']['$get']>>>;
type Told = AnswerOf<Awaited<ReturnType<(typeof api.alerts)[':id']['$get']>>>['notifications'][number];

/** A step with when it began to wait, began, and ended, in ms from the arrival of the photo. */
interface Bar {
  readonly name: string;
  readonly words: string;
  readonly from: number;
  readonly begins: number;
  readonly ends: number;
  readonly isBad: boolean;
}

const ms = (value: number): string =>
  value >= 10_000 ? `${(value / 1000).toFixed(1)} s` : `${Math.round(value)} ms`;

/** The steps of a photo, by when their event was written; `at` is when it was. */
const barsOf = (image: Image, told: readonly Told[]): Bar[] => {
  const zero = new Date(image.received_at).getTime();
  const steps = image.timeline.flatMap((step): Bar[] => {
    if (!step.task) return [];
    const from = new Date(step.at).getTime() - zero;
    const begins = from + (step.waited_ms ?? 0);
    return [
      {
        name: step.task,
        words: `${step.outcome ?? 'waits'}${step.attempt && step.attempt > 1 ? `, attempt ${step.attempt}` : ''}${step.code ? `, ${step.code}` : ''}`,
        from,
        begins,
        ends: begins + (step.duration_ms ?? 0),
        isBad: ['refused', 'failed', 'retry'].includes(step.outcome ?? ''),
      },
    ];
  });
  const sent = told.flatMap((one): Bar[] => {
    if (!one.settled_at) return [];
    const ends = new Date(one.settled_at).getTime() - zero;
    const from = Math.min(ends, Math.max(0, ...steps.map((step) => step.ends)));
    return [
      {
        name: `webhook ${one.endpoint}`,
        words: one.state ?? '',
        from,
        begins: from,
        ends,
        isBad: one.state !== 'delivered',
      },
    ];
  });
  return [...steps.toSorted((a, b) => a.from - b.from || a.begins - b.begins), ...sent];
};

/** The timeline of a photo from its arrival to the webhook: what waited, lightly, and what was done, darkly. */
export const Waterfall = ({ image, notifications }: { image: Image; notifications: readonly Told[] }) => {
  const bars = barsOf(image, notifications);
  const whole = Math.max(1, ...bars.map(({ ends }) => ends));
  const at = (value: number) => `${(Math.max(0, value) / whole) * 100}%`;
  return (
    <section class="part">
      <h2>
        Timeline{' '}
        <span class="faint">{bars.length > 0 ? `${ms(whole)} from its arrival to the end` : ''}</span>
      </h2>
      {bars.length === 0 && <p class="faint">Its events are not kept any more.</p>}
      <ol class="waterfall">
        {bars.map((bar, index) => (
          <li key={`${index} ${bar.name}`} data-bad={bar.isBad ? '' : undefined}>
            <span class="waterfall-name">
              {bar.name} <span class="faint">{bar.words}</span>
            </span>
            <span class="waterfall-bar" aria-hidden="true">
              <i class="waited" style={{ left: at(bar.from), width: at(bar.begins - bar.from) }} />
              <i class="done" style={{ left: at(bar.begins), width: at(bar.ends - bar.begins) }} />
            </span>
            <span class="number faint">
              {bar.begins > bar.from && `waited ${ms(bar.begins - bar.from)}, `}took{' '}
              {ms(bar.ends - bar.begins)}
            </span>
          </li>
        ))}
      </ol>
    </section>
  );
};
