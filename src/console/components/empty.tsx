import type { IconNode } from 'lucide';
import type { ComponentChildren } from 'preact';
import { Icon } from './icon.tsx';

/** In place of a list that has nothing: why, and what to do about it. */
export const Empty = ({
  icon,
  title,
  children,
}: {
  icon?: IconNode;
  title: string;
  children?: ComponentChildren;
}) => (
  <div class="empty">
    {icon && <Icon of={icon} size={32} />}
    <p class="empty-title">{title}</p>
    {children && <div class="empty-text">{children}</div>}
  </div>
);
