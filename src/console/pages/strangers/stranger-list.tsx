import { UserRoundSearch } from 'lucide';
import { useState } from 'preact/hooks';
import { answer, api } from '../../api/client.ts';
import { usePages } from '../../api/use-pages.ts';
import { Ago } from '../../components/ago.tsx';
import { Empty } from '../../components/empty.tsx';
import { FaceCrop } from '../../components/face-crop.tsx';
import { Page } from '../../components/page.tsx';
import { ProblemNote } from '../../components/problem.tsx';
import { StrangerAlerts } from './stranger-alerts.tsx';

/** Strangers, those who came most often first. */
export const StrangerList = () => {
  const [visits, setVisits] = useState('2');
  const strangers = usePages(
    async (after) => {
      const query = { visits, limit: '60', ...(after ? { after } : {}) };
      const page = await answer(api.strangers.$get({ query }));
      return { rows: page.strangers, next: page.next };
    },
    [visits],
  );
  return (
    <Page
      title="Strangers"
      lead="Faces that come back and match nobody. Give one a name, and they are a person."
      toolbar={
        <>
          <a class="button" href="/console/strangers/rules">
            Rules and alerts
          </a>
          <fieldset class="choices" aria-label="How often they came">
            {['1', '2', '3', '5', '10'].map((least) => (
              <button
                key={least}
                type="button"
                aria-pressed={visits === least}
                onClick={() => setVisits(least)}
              >
                {least === '1' ? 'All' : `${least}+ visits`}
              </button>
            ))}
          </fieldset>
        </>
      }
    >
      <StrangerAlerts open />
      <ProblemNote problem={strangers.problem} onRetry={strangers.reload} />
      {strangers.rows?.length === 0 && (
        <Empty icon={UserRoundSearch} title="No stranger has come so often">
          Faces are grouped where that is switched on: <code>watchpost strangers on</code>.
        </Empty>
      )}
      <ul class="people">
        {strangers.rows?.map((one) => (
          <li key={one.id}>
            <a class="person-card" href={`/console/strangers/${one.id}`}>
              <FaceCrop faceId={one.best_face_id} />
              <strong>
                {one.visits} visit{one.visits === 1 ? '' : 's'}
              </strong>
              <span class="faint">
                last <Ago time={one.last_seen} />
              </span>
              <span class="faint">{one.cameras.join(', ')}</span>
            </a>
          </li>
        ))}
      </ul>
      {strangers.more && (
        <button type="button" class="button more" onClick={strangers.more}>
          Load more
        </button>
      )}
    </Page>
  );
};
