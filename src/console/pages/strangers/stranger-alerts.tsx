import { useState } from 'preact/hooks';
import { answer, api, send } from '../../api/client.ts';
import { useAnswer } from '../../api/use-answer.ts';
import { Ago } from '../../components/ago.tsx';
import { Badge, toneOfSeverity } from '../../components/badge.tsx';
import { FaceLink } from '../../components/face-link.tsx';
import { ProblemNote } from '../../components/problem.tsx';
import { Scoped } from '../../components/scoped.tsx';
import { sayProblem } from '../../components/toast.tsx';
import type { StrangerAlert } from './types.ts';

/** The alerts about people who are on no list that nobody has acknowledged; nothing where there is none. */
export const StrangerAlerts = () => {
  const alerts = useAnswer(
    () => answer(api['stranger-alerts'].$get({ query: { open: 'true', limit: '24' } })),
    [],
  );
  const [busy, setBusy] = useState<string>();
  const acknowledge = async ({ id }: StrangerAlert) => {
    setBusy(id);
    try {
      await send('POST', `/v1/stranger-alerts/${id}/acknowledge`);
      await alerts.reload();
    } catch (thrown) {
      sayProblem(thrown);
    }
    setBusy(undefined);
  };
  const open = alerts.data?.alerts ?? [];
  return (
    <>
      <ProblemNote problem={alerts.problem} onRetry={alerts.reload} />
      {open.length > 0 && (
        <section class="part">
          <h2>Not acknowledged</h2>
          <ul class="people">
            {open.map((alert) => (
              <li key={alert.id} class="person-card">
                <FaceLink faceId={alert.face_id} alt="" />
                <strong>{alert.visits === null ? 'Somebody unknown' : `Visit ${alert.visits}`}</strong>
                <span>
                  <Badge tone={toneOfSeverity(alert.severity)}>{alert.rule}</Badge>
                </span>
                <span class="faint">
                  {alert.location ?? alert.camera}, <Ago time={alert.seen_at} />
                </span>
                <Scoped scope="review">
                  <button
                    type="button"
                    class="button"
                    disabled={busy === alert.id}
                    onClick={() => void acknowledge(alert)}
                  >
                    Acknowledge
                  </button>
                </Scoped>
              </li>
            ))}
          </ul>
        </section>
      )}
    </>
  );
};
