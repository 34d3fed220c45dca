import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

let isFirst = true;

/**
 * A page: its title, what is beside it, and the content. On navigation the focus moves to the title, so that the keyboard and
 * screen readers go on there.
 *
 * @param toolbar buttons and filters on the right of the title; below it on a narrow screen.
 * @param lead one sentence below the title.
 * @param width `wide` for tables and tiles, `reading` for forms and text.
 */
export const Page = ({
  title,
  tab = title,
  lead,
  toolbar,
  width = 'wide',
  children,
}: {
  title: string;
  /** The title of the browser's tab, where it is another one. */
  tab?: string;
  lead?: ComponentChildren;
  toolbar?: ComponentChildren;
  width?: 'wide' | 'reading' | 'full';
  children: ComponentChildren;
}) => {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (isFirst) isFirst = false;
    else heading.current?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }, []);
  useEffect(() => {
    document.title = `${tab} · Watchpost`;
  }, [tab]);
  return (
    <main class="page" data-width={width}>
      <header class="page-head">
        <div class="page-title">
          <h1 ref={heading} tabIndex={-1}>
            {title}
          </h1>
          {lead && <p class="lead">{lead}</p>}
        </div>
        {toolbar && <div class="toolbar">{toolbar}</div>}
      </header>
      {children}
    </main>
  );
};
