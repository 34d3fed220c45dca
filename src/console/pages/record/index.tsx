import { Accesses } from './accesses.tsx';
import { Events } from './events.tsx';
import './record.css';
import { Seals } from './seals.tsx';

/** What happened, the seals that prove it, and who looked at what. */
export default ({ rest = '' }: { rest?: string }) => {
  if (rest === 'seals') return <Seals />;
  if (rest === 'access') return <Accesses />;
  return <Events />;
};
