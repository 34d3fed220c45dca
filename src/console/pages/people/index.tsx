import { PersonList } from './person-list.tsx';
import { PersonPage } from './person-page.tsx';
import './people.css';

/** Everybody who is enrolled; /console/people/ID is one person. */
export default ({ rest }: { rest?: string }) => (rest ? <PersonPage key={rest} id={rest} /> : <PersonList />);
