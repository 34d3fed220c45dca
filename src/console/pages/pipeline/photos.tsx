import { Image } from 'lucide';
import { useState } from 'preact/hooks';
import { answer, api, photoUrl } from '../../api/client.ts';
import { usePages } from '../../api/use-pages.ts';
import { Ago } from '../../components/ago.tsx';
import { Badge } from '../../components/badge.tsx';
import { CameraFilter } from '../../components/camera-filter.tsx';
import { Empty } from '../../components/empty.tsx';
import { Page } from '../../components/page.tsx';
import { ProblemNote } from '../../components/problem.tsx';
import { Parts } from './parts.tsx';

const states = ['', 'received', 'processing', 'done', 'failed'] as const;

/** The photos that were received, those taken last first. */
export const Photos = () => {
  const [state, setState] = useState<(typeof states)[number]>('');
  const [camera, setCamera] = useState('');
  const images = usePages(
    async (after) => {
      const query = {
        limit: '48',
        ...(state ? { state } : {}),
        ...(camera ? { camera } : {}),
        ...(after ? { after } : {}),
      };
      const page = await answer(api.images.$get({ query }));
      return { rows: page.images, next: page.next };
    },
    [state, camera],
  );
  return (
    <Page title="Photos" toolbar={<Parts />}>
      <search class="filters">
        <select
          aria-label="State"
          value={state}
          onChange={(event) => setState(event.currentTarget.value as typeof state)}
        >
          {states.map((each) => (
            <option key={each} value={each}>
              {each || 'All states'}
            </option>
          ))}
        </select>
        <CameraFilter camera={camera} onChange={setCamera} />
      </search>
      <ProblemNote problem={images.problem} onRetry={images.reload} />
      {images.rows?.length === 0 && <Empty icon={Image} title="No photo" />}
      <ul class="image-list">
        {images.rows?.map((image) => (
          <li key={image.id}>
            <a class="image-card" href={`/console/pipeline/images/${image.id}`}>
              {image.has_photo ? (
                <img src={photoUrl(image.id, 320)} alt="" loading="lazy" decoding="async" />
              ) : (
                <span class="frame-missing frame">no file any more</span>
              )}
              <span>
                <strong>{image.camera ?? (image.purpose === 'reference' ? 'Enrolment' : 'No camera')}</strong>{' '}
                {image.state !== 'done' && (
                  <Badge tone={image.state === 'failed' ? 'critical' : 'neutral'}>{image.state}</Badge>
                )}
              </span>
              <span class="faint">
                <Ago time={image.captured_at} /> · {image.faces} face{image.faces === 1 ? '' : 's'}
                {image.alerts > 0 && ` · ${image.alerts} alert${image.alerts === 1 ? '' : 's'}`}
              </span>
            </a>
          </li>
        ))}
      </ul>
      {images.more && (
        <button type="button" class="button more" onClick={images.more}>
          Load more
        </button>
      )}
    </Page>
  );
};
