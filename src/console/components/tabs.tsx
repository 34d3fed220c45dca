import { useLocation } from 'preact-iso';

/** The parts of a page, each with an address of its own. */
export const Tabs = ({
  label,
  tabs,
}: {
  label: string;
  tabs: readonly { readonly href: string; readonly title: string }[];
}) => {
  const { path } = useLocation();
  return (
    <nav class="choices" aria-label={label}>
      {tabs.map(({ href, title }) => (
        <a key={href} href={href} aria-current={path.replace(/\/$/, '') === href ? 'page' : undefined}>
          {title}
        </a>
      ))}
    </nav>
  );
};
