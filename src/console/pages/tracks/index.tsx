import '../people/people.css';
import { answer, api } from '../../api/client.ts';
import { useAnswer } from '../../api/use-answer.ts';
import { clock } from '../../components/ago.tsx';
import { FaceLink } from '../../components/face-link.tsx';
import { Page } from '../../components/page.tsx';
import { placeOf } from '../../components/place.ts';
import { ProblemNote } from '../../components/problem.tsx';

const decisions: Readonly<Record<string, string>> = {
  match: 'a match',
  few_looks: 'near enough, but in too few of its faces for the list',
  below_threshold: 'nobody is similar enough for their lists',
  nobody: 'nobody on a list that is in force is like it',
  cannot_link: 'somebody has said that this is not them',
  outranked: 'another face of the photo is more like that person',
  gated: 'its faces are too poor to be compared',
};

/** One passage of a person before a camera: from when to when, whom it was taken for, and its faces. */
export default ({ id = '' }: { id?: string }) => {
  const track = useAnswer(() => answer(api.tracks[':id'].$get({ param: { id } })), [id]);
  const { data } = track;
  return (
    <Page title={data?.person ?? 'A track'} lead={data && placeOf(data)}>
      <ProblemNote problem={track.problem} onRetry={() => void track.reload()} />
      {data && (
        <dl class="facts">
          <dt>From</dt>
          <dd>{clock(data.began_at)}</dd>
          <dt>To</dt>
          <dd>{clock(data.ended_at)}</dd>
          <dt>Faces</dt>
          <dd>
            {data.faces}, {data.looks === data.faces ? 'all' : data.looks} good enough to be compared
          </dd>
          <dt>Decision</dt>
          <dd>
            {data.decision ? decisions[data.decision] : 'not compared'}
            {data.similarity !== null && `, similarity ${data.similarity.toFixed(2)}`}
          </dd>
          {data.person_id && (
            <>
              <dt>Person</dt>
              <dd>
                <a href={`/console/people/${data.person_id}`}>{data.person}</a>, {data.watchlist}
              </dd>
            </>
          )}
          {data.alert_id && (
            <>
              <dt>Alert</dt>
              <dd>
                <a href={`/console/alerts/${data.alert_id}`}>Open the alert</a>
              </dd>
            </>
          )}
        </dl>
      )}
      <ul class="sightings">
        {data?.views.map((view) => (
          <li key={view.face_id}>
            <FaceLink faceId={view.face_id} alt={`Seen ${clock(view.captured_at)}`} />
            <p>{clock(view.captured_at)}</p>
            <p class="faint">{view.fused ? 'one of the best' : view.quality > 0 ? 'good' : 'too poor'}</p>
            <p class="sighting-links">
              <a href={`/console/pipeline/images/${view.image_id}`}>Photo</a>
            </p>
          </li>
        ))}
      </ul>
      {data && data.views.length < data.faces && (
        <p class="faint">
          {data.views.length} of {data.faces} faces.
        </p>
      )}
    </Page>
  );
};
