import { PersonList } from './person-list.tsx';
import { PersonPage } from './person-page.tsx';
import './people.css';

/** Everybody who is enrolled; /console/people/ID is one person. */
export default ({ part }: { part?: string }) => (part ? <PersonPage key={part} id={part} /> : <PersonList />);
