import { DeadLetters } from './dead-letters.tsx';
import { ImagePage } from './image-page.tsx';
import { Overview } from './overview.tsx';
import { Photos } from './photos.tsx';
import './pipeline.css';

/** How the pipeline stands; its dead letters, its photos, and one photo's way through it. */
export default ({ part = '' }: { part?: string }) => {
  const [kind, id] = part.split('/');
  if (kind === 'images') return id ? <ImagePage key={id} id={id} /> : <Photos />;
  if (kind === 'dead-letters') return <DeadLetters />;
  return <Overview />;
};
