import { clock } from '../../components/ago.tsx';
import type { ImageReport } from '../../components/image-faces.tsx';
import { type AlertReport, bestOf } from './reviews.ts';

const short = (sha256: string | null): string => (sha256 ? `${sha256.slice(0, 12)}…` : 'not kept any more');

/** What the alert's best sighting was made of: photo, detector, embedding, reference, list, and when each was. */
export const Lineage = ({ alert }: { alert: AlertReport }) => {
  const best = bestOf(alert);
  if (!best) return null;
  const steps: readonly (readonly [string, string, string])[] = [
    [
      'Photo',
      `taken ${clock(best.captured_at)}, received ${clock(best.received_at)} from ${best.submitted_by}`,
      best.image_sha256,
    ],
    ['Face', `found by ${best.detector_id}`, best.detector_sha256],
    ['Embedding', best.model_id ? `by ${best.model_id}` : 'not kept any more', best.model_sha256 ?? ''],
    [
      'Reference',
      best.enrolled_at
        ? `face ${best.reference_face} of a photo enrolled ${clock(best.enrolled_at)} by ${best.enrolled_by}`
        : 'was removed since',
      best.reference_image_sha256 ?? '',
    ],
    [
      'List',
      `${best.watchlist}${best.watchlist_version === null ? '' : `, version ${best.watchlist_version}`}, threshold ${best.threshold.toFixed(2)}`,
      '',
    ],
    ['Match', `${clock(best.matched_at)}, similarity ${best.similarity.toFixed(3)}`, ''],
    ['Alert', `raised ${clock(best.raised_at)}`, ''],
  ];
  return (
    <ol class="lineage">
      {steps.map(([name, words, sha256]) => (
        <li key={name}>
          <strong>{name}</strong>
          <span>
            {words}
            {sha256 && <code title={sha256}> {short(sha256)}</code>}
          </span>
        </li>
      ))}
    </ol>
  );
};

const ms = (value: number): string => `${Math.round(value)} ms`;

/** What happened to the photo, from its arrival on. */
export const Timeline = ({ image }: { image: ImageReport }) => (
  <ol class="timeline">
    {image.timeline.map((step, index) => (
      <li key={`${index} ${step.at}`}>
        <time dateTime={step.at}>{clock(step.at)}</time>
        <span>
          {step.task ? `${step.task}: ${step.outcome ?? 'waits'}` : step.topic}
          {step.code && <code> {step.code}</code>}
        </span>
        <span class="faint number">
          {[
            step.waited_ms !== null && `waited ${ms(step.waited_ms)}`,
            step.duration_ms !== null && `took ${ms(step.duration_ms)}`,
          ]
            .filter(Boolean)
            .join(', ')}
        </span>
      </li>
    ))}
  </ol>
);
