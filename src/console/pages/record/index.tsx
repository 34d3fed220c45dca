import { Accesses } from './accesses.tsx';
import { Events } from './events.tsx';
import './record.css';
import { Seals } from './seals.tsx';

/** What happened, the seals that prove it, and who looked at what. */
export default ({ part = '' }: { part?: string }) => {
  if (part === 'seals') return <Seals />;
  if (part === 'access') return <Accesses />;
  return <Events />;
};
