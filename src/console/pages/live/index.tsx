import { Camera } from 'lucide';
import { useState } from 'preact/hooks';
import { answer, api } from '../../api/client.ts';
import { type Alert, useAlerts } from '../../api/live.ts';
import { useAnswer } from '../../api/use-answer.ts';
import { announce } from '../../components/announcer.tsx';
import { Empty } from '../../components/empty.tsx';
import { Page } from '../../components/page.tsx';
import { ProblemNote } from '../../components/problem.tsx';
import { AlertList } from '../alerts/alert-list.tsx';
import '../alerts/alerts.css';
import { placeOf } from '../alerts/reviews.ts';
import './live.css';

/** The cameras, and the alerts that wait for a review, as they are raised. */
export default () => {
  const cameras = useAnswer(() => answer(api.cameras.$get({ query: { limit: '200' } })), []);
  const open = useAnswer(() => answer(api.alerts.$get({ query: { state: 'open', limit: '50' } })), []);
  const [news, setNews] = useState<ReadonlySet<string>>(new Set());
  useAlerts(
    (alert: Alert) => {
      announce(`Alert: ${alert.person}, ${placeOf(alert)}.`);
      setNews((before) => new Set([...before, alert.id]));
      void open.reload();
    },
    () => void open.reload(),
  );
  const alerts = open.data?.alerts ?? [];
  return (
    <Page title="Live" width="full">
      <ProblemNote problem={cameras.problem ?? open.problem} onRetry={() => void cameras.reload()} />
      <div class="live-desk">
        <section aria-label="Cameras">
          <ul class="tiles">
            {cameras.data?.cameras.map((camera) => (
              <li class="tile" key={camera.id}>
                <div class="tile-none">
                  <Empty icon={Camera} title="No photo yet" />
                </div>
                <p>
                  <strong>{camera.location}</strong> <span class="faint">{camera.name}</span>
                </p>
              </li>
            ))}
          </ul>
        </section>
        <section class="live-alerts" aria-label="Open alerts">
          <h2>Open alerts</h2>
          {open.data && alerts.length === 0 && <Empty title="Nothing waits for you" />}
          <div data-news={news.size}>
            <AlertList alerts={alerts} chosen={undefined} query="" />
          </div>
        </section>
      </div>
    </Page>
  );
};
