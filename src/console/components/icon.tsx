import type { IconNode } from 'lucide';
import { h } from 'preact';

/** An icon of lucide: `<Icon of={Bell} />`. It is hidden from screen readers unless it has a label. */
export const Icon = ({ of, label, size = 20 }: { of: IconNode; label?: string; size?: number }) => (
  <svg
    class="icon"
    width={size}
    height={size}
    viewBox="0 0 24 24"
    fill="none"
    stroke="currentColor"
    stroke-width="1.75"
    stroke-linecap="round"
    stroke-linejoin="round"
    role={label ? 'img' : undefined}
    aria-label={label}
    aria-hidden={label ? undefined : 'true'}
  >
    {of.map(([tag, attributes], index) => h(tag, { key: index, ...(attributes as object) }))}
  </svg>
);
