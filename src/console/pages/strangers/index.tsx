import '../people/people.css';
import { Rules } from './rules.tsx';
import { StrangerList } from './stranger-list.tsx';
import { StrangerPage } from './stranger-page.tsx';

/** Faces that come back and match nobody; /console/strangers/ID is one of them, /console/strangers/rules when they are an alert. */
export default ({ part }: { part?: string }) => {
  if (part === 'rules') return <Rules />;
  return part ? <StrangerPage key={part} id={part} /> : <StrangerList />;
};
