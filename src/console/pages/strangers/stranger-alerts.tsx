import { useState } from 'preact/hooks';
import { answer, api, send } from '../../api/client.ts';
import { useAnswer } from '../../api/use-answer.ts';
import { Ago } from '../../components/ago.tsx';
import { Badge, toneOfSeverity } from '../../components/badge.tsx';
import { FaceLink } from '../../components/face-link.tsx';
import { FormDialog, TextField } from '../../components/form.tsx';
import { ProblemNote } from '../../components/problem.tsx';
import { Scoped } from '../../components/scoped.tsx';
import { sayProblem } from '../../components/toast.tsx';
import type { StrangerAlert } from './types.ts';

/** What may be decided about one: the words on the button, and of the dialog. */
const reviews = {
  confirm: {
    words: 'Confirm',
    title: 'Confirm the alert',
    follows: 'It is somebody who should not be there.',
  },
  dismiss: { words: 'Dismiss', title: 'Dismiss the alert', follows: 'It was nothing.' },
} as const;

/** The alerts about people who are on no list that nobody has acknowledged or decided; nothing where there is none. */
export const StrangerAlerts = () => {
  const alerts = useAnswer(
    () => answer(api['stranger-alerts'].$get({ query: { open: 'true', limit: '24' } })),
    [],
  );
  const [busy, setBusy] = useState<string>();
  const [review, setReview] = useState<{ alert: StrangerAlert; verb: keyof typeof reviews }>();
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
                {alert.stranger_id && <a href={`/console/strangers/${alert.stranger_id}`}>The stranger</a>}
                {alert.track_id && <a href={`/console/tracks/${alert.track_id}`}>The track</a>}
                <Scoped scope="review">
                  <span class="actions">
                    <button
                      type="button"
                      class="button"
                      disabled={busy === alert.id}
                      onClick={() => void acknowledge(alert)}
                    >
                      Acknowledge
                    </button>
                    {(['confirm', 'dismiss'] as const).map((verb) => (
                      <button
                        key={verb}
                        type="button"
                        class="button"
                        onClick={() => setReview({ alert, verb })}
                      >
                        {reviews[verb].words}
                      </button>
                    ))}
                  </span>
                </Scoped>
              </li>
            ))}
          </ul>
        </section>
      )}
      {review && (
        <FormDialog
          title={reviews[review.verb].title}
          go={reviews[review.verb].words}
          onClose={() => setReview(undefined)}
          onSave={async (fields) => {
            const note = fields.text('note');
            await send('POST', `/v1/stranger-alerts/${review.alert.id}/${review.verb}`, note ? { note } : {});
            setReview(undefined);
            await alerts.reload();
          }}
        >
          <p>{reviews[review.verb].follows}</p>
          <TextField label="Note" name="note" maxLength={2000} />
        </FormDialog>
      )}
    </>
  );
};
