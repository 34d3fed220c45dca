import { BellOff } from 'lucide';
import { useEffect, useRef, useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import { answer, api } from '../../api/client.ts';
import { useAlerts } from '../../api/live.ts';
import { useAnswer } from '../../api/use-answer.ts';
import { Empty } from '../../components/empty.tsx';
import { Page } from '../../components/page.tsx';
import { ProblemNote } from '../../components/problem.tsx';
import { useShortcut } from '../../components/shortcuts.tsx';
import { AlertDetail } from './alert-detail.tsx';
import { AlertList } from './alert-list.tsx';
import './alerts.css';
import { ReviewDialog } from './review-dialog.tsx';
import { type AlertReport, type Review, reviewsOf } from './reviews.ts';
import { useReviews } from './use-reviews.ts';

const states = ['open', 'acknowledged', 'confirmed', 'dismissed'] as const;
type State = (typeof states)[number];

const wide = matchMedia('(min-width: 901px)');

/** Whether the list and the alert are beside each other. */
const useIsWide = (): boolean => {
  const [isWide, setWide] = useState(wide.matches);
  useEffect(() => {
    const turn = () => setWide(wide.matches);
    wide.addEventListener('change', turn);
    return () => wide.removeEventListener('change', turn);
  }, []);
  return isWide;
};

/** The alerts of one state, and the chosen one with its reviews. */
export default ({ id }: { id?: string }) => {
  const { query, route } = useLocation();
  const state: State = states.find((known) => known === query.state) ?? 'open';
  const suffix = state === 'open' ? '' : `?state=${state}`;
  const isWide = useIsWide();
  const list = useAnswer(() => answer(api.alerts.$get({ query: { state, limit: '200' } })), [state]);
  const alerts = list.data?.alerts ?? [];
  const chosen = id ?? (isWide ? alerts[0]?.id : undefined);
  const shown = useAnswer(
    async () => (chosen ? answer(api.alerts[':id'].$get({ param: { id: chosen } })) : undefined),
    [chosen],
  );
  const detail = useRef<HTMLDivElement>(null);
  const focusDetail = () => detail.current?.querySelector('h2')?.focus();
  const go = (to: string | undefined, of = suffix) =>
    route(to ? `/console/alerts/${to}${of}` : `/console/alerts${of}`, true);

  const reviews = useReviews(async (reviewed, undone) => {
    if (undone) go(reviewed.id, reviewed.state === 'open' ? '' : `?state=${reviewed.state}`);
    else {
      // The one that takes its place, or the last.
      const place = alerts.findIndex((alert) => alert.id === reviewed.id);
      const left = alerts.filter((alert) => alert.id !== reviewed.id);
      if (reviewed.state !== state)
        go(isWide ? left[Math.min(Math.max(place, 0), left.length - 1)]?.id : undefined);
    }
    await Promise.all([list.reload(), shown.reload()]);
    focusDetail();
  });

  useAlerts(
    (alert) => {
      void list.reload();
      if (alert.id === chosen) void shown.reload();
    },
    () => {
      void list.reload();
      void shown.reload();
    },
  );

  // On a narrow screen the alert takes the place of the list, and the focus with it.
  useEffect(() => {
    if (id && !isWide && shown.data?.id === id) focusDetail();
  }, [id, isWide, shown.data?.id]);

  const move = (by: number) => {
    const next = alerts[alerts.findIndex((alert) => alert.id === chosen) + by];
    if (next) go(next.id);
  };
  useShortcut('j', 'the next alert', () => move(1), { repeats: true });
  useShortcut('k', 'the alert before', () => move(-1), { repeats: true });
  useShortcut('u', 'undo the last review that you made here', reviews.undo);
  const alert = shown.data?.id === chosen ? shown.data : undefined;

  return (
    <Page
      title="Alerts"
      tab={state === 'open' && alerts.length > 0 ? `(${alerts.length}) Alerts` : 'Alerts'}
      width="full"
      toolbar={
        <div class="choices">
          {states.map((each) => (
            <button
              type="button"
              key={each}
              aria-pressed={each === state}
              onClick={() => route(each === 'open' ? '/console/alerts' : `/console/alerts?state=${each}`)}
            >
              {each.charAt(0).toUpperCase() + each.slice(1)}
            </button>
          ))}
        </div>
      }
    >
      <ProblemNote problem={list.problem} onRetry={() => void list.reload()} />
      <div class="desk" data-open={id ? '' : undefined}>
        {list.data && alerts.length === 0 && !alert ? (
          <Empty icon={BellOff} title={state === 'open' ? 'Nothing waits for you' : `No alert is ${state}`}>
            {state === 'open' && 'New alerts appear here as they are raised.'}
          </Empty>
        ) : (
          <AlertList alerts={alerts} chosen={chosen} query={suffix} />
        )}
        <div class="desk-detail" ref={detail}>
          <ProblemNote problem={shown.problem} />
          {alert && (
            <>
              <AlertDetail
                alert={alert}
                back={`/console/alerts${suffix}`}
                isBusy={reviews.isBusy}
                onReview={(review) => reviews.begin(alert, review)}
              />
              <Keys alert={alert} onReview={(review) => reviews.begin(alert, review)} />
            </>
          )}
        </div>
      </div>
      {reviews.asking?.review.ask && (
        <ReviewDialog
          alert={reviews.asking.alert}
          review={{ ...reviews.asking.review, ask: reviews.asking.review.ask }}
          onAnswer={reviews.answer}
        />
      )}
    </Page>
  );
};

/** The keys of the reviews that the alert allows. */
const Keys = ({ alert, onReview }: { alert: AlertReport; onReview: (review: Review) => void }) => (
  <>
    {reviewsOf(alert).map((review) => (
      <Key key={review.key} review={review} onReview={onReview} />
    ))}
  </>
);

const Key = ({ review, onReview }: { review: Review; onReview: (review: Review) => void }) => {
  useShortcut(review.key, review.does, () => onReview(review));
  return null;
};
