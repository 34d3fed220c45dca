import { may } from '../../api/session.ts';
import { Tabs } from '../../components/tabs.tsx';

/** The parts of the page. */
export const Parts = () =>
  may('administer') ? (
    <Tabs
      label="Parts of the record"
      tabs={[
        { href: '/console/record', title: 'Events' },
        { href: '/console/record/seals', title: 'Seals' },
        { href: '/console/record/access', title: 'Who looked' },
      ]}
    />
  ) : null;

/** A day of a date field as the beginning of it, in ISO 8601; undefined: none. */
export const beginningOf = (day: string, add = 0): string | undefined => {
  if (!day) return undefined;
  const date = new Date(`${day}T00:00:00`);
  date.setDate(date.getDate() + add);
  return date.toISOString();
};
