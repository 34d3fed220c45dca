import { may } from '../../api/session.ts';
import { Tabs } from '../../components/tabs.tsx';

/** The parts of the page. */
export const Parts = () => (
  <Tabs
    label="Parts of the pipeline"
    tabs={[
      { href: '/console/pipeline', title: 'Stages' },
      { href: '/console/pipeline/images', title: 'Photos' },
      ...(may('administer') ? [{ href: '/console/pipeline/dead-letters', title: 'Dead letters' }] : []),
    ]}
  />
);
