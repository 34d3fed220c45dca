import { may } from '../../api/session.ts';
import { Tabs } from '../../components/tabs.tsx';

/** The parts of the page; a key that may not administer has its own only. */
export const Parts = () =>
  may('administer') ? (
    <Tabs
      label="Parts of the settings"
      tabs={[
        { href: '/console/settings', title: 'You' },
        { href: '/console/settings/endpoints', title: 'Endpoints' },
        { href: '/console/settings/bridges', title: 'Bridges' },
        { href: '/console/settings/keys', title: 'Keys' },
        { href: '/console/settings/sites', title: 'Sites' },
      ]}
    />
  ) : null;
