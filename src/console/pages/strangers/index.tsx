import '../people/people.css';
import { StrangerList } from './stranger-list.tsx';
import { StrangerPage } from './stranger-page.tsx';

/** Faces that come back and match nobody; /console/strangers/ID is one of them. */
export default ({ part }: { part?: string }) =>
  part ? <StrangerPage key={part} id={part} /> : <StrangerList />;
