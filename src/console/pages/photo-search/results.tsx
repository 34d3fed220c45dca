import type { ComponentChildren } from 'preact';
import { Ago } from '../../components/ago.tsx';
import { Badge } from '../../components/badge.tsx';
import { FaceCrop } from '../../components/face-crop.tsx';
import { placeOf } from '../../components/place.ts';
import { Similarity } from '../../components/similarity.tsx';
import { type FoundFace, outcomes } from './found.ts';

/** Who is like a face: enrolled people with their thresholds, past faces, strangers. */
export const Results = ({ face }: { face: FoundFace }) => (
  <div class="results">
    <p role="status" class="outcome" data-match={face.outcome === 'match' ? '' : undefined}>
      {outcomes[face.outcome] ?? face.outcome}
      {face.quality.gate.length > 0 && ` (${face.quality.gate.join(', ').replaceAll('_', ' ')})`}
    </p>
    <Kind title="People" none="Nobody is enrolled on a list that is in force.">
      {face.people.map((one) => {
        const least = Math.min(...one.watchlists.map(({ threshold }) => threshold));
        return (
          <li key={one.person_id}>
            <a class="result" href={`/console/people/${one.person_id}`}>
              <FaceCrop faceId={one.reference_face_id} size={64} />
              <span class="result-words">
                <strong>{one.person}</strong>
                <Similarity
                  compact
                  value={one.similarity}
                  threshold={Number.isFinite(least) ? least : undefined}
                />
                <span class="badges-line">
                  {one.watchlists.map(({ name, reached }) => (
                    <Badge key={name} tone={reached ? 'critical' : 'neutral'}>
                      {name}
                      {reached ? ': reached' : ''}
                    </Badge>
                  ))}
                  {one.ruled_out && <Badge tone="warning">said not to be them</Badge>}
                </span>
              </span>
            </a>
          </li>
        );
      })}
    </Kind>
    <Kind title="Seen before" none="No stored face is as similar.">
      {face.past?.map((one) => (
        <li key={one.face_id}>
          <a class="result" href={`/console/pipeline/images/${one.image_id}`}>
            <FaceCrop faceId={one.face_id} size={64} />
            <span class="result-words">
              <strong>{one.person ?? 'Nobody known'}</strong>
              <Similarity compact value={one.similarity} />
              <span class="faint">
                {placeOf(one)}, <Ago time={one.seen_at} />
              </span>
            </span>
          </a>
        </li>
      ))}
    </Kind>
    <Kind title="Strangers" none="No stranger is as similar.">
      {face.strangers?.map((one) => (
        <li key={one.stranger_id}>
          <a class="result" href={`/console/strangers/${one.stranger_id}`}>
            <FaceCrop faceId={one.nearest_face_id} size={64} />
            <span class="result-words">
              <strong>
                {one.faces} face{one.faces === 1 ? '' : 's'}
              </strong>
              <Similarity compact value={one.similarity} />
              <span class="faint">
                last <Ago time={one.last_seen} />
              </span>
            </span>
          </a>
        </li>
      ))}
    </Kind>
  </div>
);

const Kind = ({
  title,
  none,
  children,
}: {
  title: string;
  none: string;
  children: ComponentChildren[] | undefined;
}) => (
  <section class="part">
    <h2>{title}</h2>
    {children && children.length > 0 ? <ol class="results-list">{children}</ol> : <p class="faint">{none}</p>}
  </section>
);
