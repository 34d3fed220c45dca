/**
 * A similarity on a scale from 0 to 1, with a mark at its threshold.
 *
 * @param inWords what the similarity means, as "1 in 300 strangers".
 */
export const Similarity = ({
  value,
  threshold,
  inWords,
  compact = false,
}: {
  value: number;
  threshold?: number | undefined;
  inWords?: string | null | undefined;
  /** Without the words below. */
  compact?: boolean;
}) => {
  const at = (share: number) => `${Math.max(0, Math.min(1, share)) * 100}%`;
  const isAbove = threshold === undefined || value >= threshold;
  return (
    <div class="similarity" data-compact={compact || undefined}>
      <div class="scale" data-above={isAbove || undefined} aria-hidden="true">
        <i style={{ width: at(value) }} />
        {threshold !== undefined && <b style={{ left: at(threshold) }} />}
      </div>
      <p class="similarity-words">
        <strong>{value.toFixed(compact ? 2 : 3)}</strong>
        {!compact && threshold !== undefined && <span class="faint"> threshold {threshold.toFixed(2)}</span>}
        {!compact && inWords && <span class="similarity-rate">as alike as {inWords}</span>}
      </p>
    </div>
  );
};
