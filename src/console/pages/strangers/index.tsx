import '../people/people.css';
import { StrangerList } from './stranger-list.tsx';
import { StrangerPage } from './stranger-page.tsx';

/** Faces that come back and match nobody; /console/strangers/ID is one of them. */
export default ({ rest }: { rest?: string }) =>
  rest ? <StrangerPage key={rest} id={rest} /> : <StrangerList />;
