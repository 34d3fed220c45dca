import { DeadLetters } from './dead-letters.tsx';
import { ImagePage } from './image-page.tsx';
import { Overview } from './overview.tsx';
import { Photos } from './photos.tsx';
import './pipeline.css';

/** How the pipeline stands; its dead letters, its photos, and one photo's way through it. */
export default ({ rest = '' }: { rest?: string }) => {
  const [part, id] = rest.split('/');
  if (part === 'images') return id ? <ImagePage key={id} id={id} /> : <Photos />;
  if (part === 'dead-letters') return <DeadLetters />;
  return <Overview />;
};
