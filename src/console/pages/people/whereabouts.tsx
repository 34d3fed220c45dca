import { useState } from 'preact/hooks';
import { answer, api, send } from '../../api/client.ts';
import { may } from '../../api/session.ts';
import { useAnswer } from '../../api/use-answer.ts';
import { usePages } from '../../api/use-pages.ts';
import { Ago } from '../../components/ago.tsx';
import { confirm } from '../../components/confirm.tsx';
import { FaceLink } from '../../components/face-link.tsx';
import { facesOf, placeOf } from '../../components/place.ts';
import { PathList, PlanPath } from '../../components/plan-path.tsx';
import { say, sayProblem } from '../../components/toast.tsx';
import type { PartOfPerson } from './types.ts';

const periods = [
  ['1', 'A day'],
  ['7', 'A week'],
  ['30', 'A month'],
  ['', 'All'],
] as const;

/** Where a person was seen: their path on plans and in words, and each sighting, which can be said not to be them. */
export const Whereabouts = ({ person, turn, onChange }: PartOfPerson) => {
  const [days, setDays] = useState('7');
  const since = days ? { since: new Date(Date.now() - Number(days) * 86_400_000).toISOString() } : {};
  const param = { id: person.id };
  const path = useAnswer(async () => {
    const [{ stays }, { plans }] = await Promise.all([
      answer(api.persons[':id'].path.$get({ param, query: { ...since, limit: '100' } })),
      answer(api.plans.$get({ query: { limit: '200' } })),
    ]);
    return { stays, plans: plans.filter(({ id }) => stays.some(({ plan }) => plan?.id === id)) };
  }, [person.id, turn, days]);
  const sightings = usePages(
    async (after) => {
      const query = { ...since, limit: '24', ...(after ? { after } : {}) };
      const page = await answer(api.persons[':id'].sightings.$get({ param, query }));
      return { rows: page.sightings, next: page.next };
    },
    [person.id, turn, days],
  );
  const notThem = async (faceId: string) => {
    const yes = await confirm({
      title: `Not ${person.name}?`,
      text: 'The sighting is withdrawn. This face, and faces like it, are never matched with them again.',
      go: 'Not them',
    });
    if (!yes) return;
    try {
      await send('POST', `/v1/persons/${person.id}/cannot-links`, { face_id: faceId });
      say(`That face is not ${person.name}.`);
      await onChange();
    } catch (thrown) {
      sayProblem(thrown);
    }
  };
  return (
    <section class="part">
      <header class="part-head">
        <h2>Seen</h2>
        <fieldset class="choices" aria-label="How far back">
          {periods.map(([value, words]) => (
            <button key={words} type="button" aria-pressed={days === value} onClick={() => setDays(value)}>
              {words}
            </button>
          ))}
        </fieldset>
      </header>
      {path.data && path.data.stays.length > 0 && (
        <div class="alert-path">
          {path.data.plans.map((plan) => (
            <PlanPath key={plan.id} plan={plan} stays={path.data?.stays ?? []} />
          ))}
          <PathList stays={path.data.stays} />
        </div>
      )}
      <ul class="sightings">
        {sightings.rows?.map((one) => {
          const alert = one.watchlists.find(({ alert_id }) => alert_id)?.alert_id;
          return (
            <li key={one.face_id}>
              <FaceLink faceId={one.face_id} alt={`Seen at ${placeOf(one)}`} />
              <p>{placeOf(one)}</p>
              <p class="faint">
                <Ago time={one.seen_at} /> · {one.similarity.toFixed(2)}
              </p>
              <p class="sighting-links">
                {alert && <a href={`/console/alerts/${alert}`}>Alert</a>}
                {one.track_id && <a href={`/console/tracks/${one.track_id}`}>{facesOf(one.faces)}</a>}
                <a href={`/console/pipeline/images/${one.image_id}`}>Photo</a>
                {may('enrol') && (
                  <button type="button" class="as-link" onClick={() => void notThem(one.face_id)}>
                    Not them
                  </button>
                )}
              </p>
            </li>
          );
        })}
      </ul>
      {sightings.rows?.length === 0 && <p class="faint">Not seen in this time.</p>}
      {sightings.more && (
        <button type="button" class="button more" onClick={sightings.more}>
          Load more
        </button>
      )}
    </section>
  );
};
