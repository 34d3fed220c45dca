import { useState } from 'preact/hooks';
import { answer, api, send } from '../../api/client.ts';
import { usePages } from '../../api/use-pages.ts';
import { Ago } from '../../components/ago.tsx';
import { Badge, toneOfSeverity, toneOfState } from '../../components/badge.tsx';
import { FaceLink } from '../../components/face-link.tsx';
import { FormDialog, TextField } from '../../components/form.tsx';
import { ProblemNote } from '../../components/problem.tsx';
import { Scoped } from '../../components/scoped.tsx';
import { sayProblem } from '../../components/toast.tsx';
import type { StrangerAlert } from './types.ts';

/** What may become of one: the words on the button, and of the dialog. */
const reviews = {
  confirm: {
    words: 'Confirm',
    title: 'Confirm the alert',
    follows: 'It is somebody who should not be there.',
  },
  dismiss: { words: 'Dismiss', title: 'Dismiss the alert', follows: 'It was nothing.' },
  reopen: {
    words: 'Reopen',
    title: 'Reopen the alert',
    follows: 'It waits again, as if nobody had acknowledged or decided it.',
  },
} as const;

/**
 * The alerts about people who are on no list, those seen last first; nothing where there is none.
 *
 * @param open whether only those that nobody has acknowledged or decided.
 */
export const StrangerAlerts = ({ open = false }: { open?: boolean }) => {
  const alerts = usePages(async (after) => {
    const query = { limit: '24', ...(open ? { open: 'true' as const } : {}), ...(after ? { after } : {}) };
    const page = await answer(api['stranger-alerts'].$get({ query }));
    return { rows: page.alerts, next: page.next };
  }, []);
  const [busy, setBusy] = useState<string>();
  const [review, setReview] = useState<{ alert: StrangerAlert; verb: keyof typeof reviews }>();
  const acknowledge = async ({ id }: StrangerAlert) => {
    setBusy(id);
    try {
      await send('POST', `/v1/stranger-alerts/${id}/acknowledge`);
      alerts.reload();
    } catch (thrown) {
      sayProblem(thrown);
    }
    setBusy(undefined);
  };
  const rows = alerts.rows ?? [];
  return (
    <>
      <ProblemNote problem={alerts.problem} onRetry={alerts.reload} />
      {rows.length > 0 && (
        <section class="part" aria-labelledby="stranger-alerts">
          <h2 id="stranger-alerts">{open ? 'Not acknowledged' : 'Alerts'}</h2>
          <ul class="people">
            {rows.map((alert) => (
              <li key={alert.id} class="person-card">
                <FaceLink faceId={alert.face_id} alt="Somebody unknown" />
                <strong>{alert.visits === null ? 'Somebody unknown' : `Visit ${alert.visits}`}</strong>
                <span>
                  <Badge tone={toneOfSeverity(alert.severity)}>{alert.rule}</Badge>
                </span>
                <span class="faint">
                  {alert.location ?? alert.camera}, <Ago time={alert.seen_at} />
                </span>
                <Became alert={alert} />
                <p class="sighting-links">
                  {alert.stranger_id && <a href={`/console/strangers/${alert.stranger_id}`}>The stranger</a>}
                  {alert.track_id && <a href={`/console/tracks/${alert.track_id}`}>The track</a>}
                  {alert.person_id && <a href={`/console/people/${alert.person_id}`}>{alert.person}</a>}
                </p>
                <Scoped scope="review">
                  <span class="actions">
                    {alert.acknowledged_by === null && (
                      <button
                        type="button"
                        class="button"
                        disabled={busy === alert.id}
                        onClick={() => void acknowledge(alert)}
                      >
                        Acknowledge
                      </button>
                    )}
                    {reviewsOf(alert).map((verb) => (
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
          {alerts.more && (
            <button type="button" class="button more" onClick={alerts.more}>
              Load more
            </button>
          )}
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
            alerts.reload();
          }}
        >
          <p>{reviews[review.verb].follows}</p>
          <TextField label="Note" name="note" maxLength={2000} />
        </FormDialog>
      )}
    </>
  );
};

/** What may become of it as it is. */
const reviewsOf = ({ acknowledged_by, decision }: StrangerAlert): readonly (keyof typeof reviews)[] => [
  ...(decision === null ? (['confirm', 'dismiss'] as const) : []),
  ...(acknowledged_by === null ? [] : (['reopen'] as const)),
];

/** What has become of it, by whom and why. */
const Became = ({ alert }: { alert: StrangerAlert }) => {
  const by = alert.decided_by ?? alert.acknowledged_by;
  return (
    <>
      {by && (
        <span>
          <Badge tone={toneOfState(alert.decision ?? 'acknowledged')}>
            {alert.decision ?? 'acknowledged'}
          </Badge>{' '}
          <span class="faint">by {by}</span>
        </span>
      )}
      {alert.note && <span>{alert.note}</span>}
    </>
  );
};
