import { useRef, useState } from 'preact/hooks';
import { send } from '../../api/client.ts';
import { problemOf } from '../../api/problem.ts';
import { placeOf } from '../../components/place.ts';
import { say, sayProblem } from '../../components/toast.tsx';
import type { AlertReport, Dismissal, Review } from './reviews.ts';

interface Step {
  readonly id: string;
  readonly review: string | null;
}

type Reviewed = Omit<AlertReport, 'matches' | 'reviews' | 'notifications' | 'lineage'> & {
  readonly review_id: string | null;
};

/**
 * Makes reviews and undoes those that were made here, the latest first; one call at a time.
 *
 * @param onDone is called after each with the alert as it is now; `undone`: a review was taken back.
 */
export const useReviews = (onDone: (alert: Reviewed, undone: boolean) => Promise<void>) => {
  const steps = useRef<Step[]>([]);
  const [isBusy, setBusy] = useState(false);
  /** A question that is asked. */
  const [asking, setAsking] = useState<{ alert: AlertReport; review: Review }>();

  const alone = async (work: () => Promise<void>) => {
    if (isBusy) return;
    setBusy(true);
    try {
      await work();
    } catch (thrown) {
      sayProblem(thrown);
    } finally {
      setBusy(false);
    }
  };

  const make = (alert: AlertReport, review: Review, given: { note?: string; dismissal?: Dismissal }) =>
    alone(async () => {
      const reviewed = await send<Reviewed>('POST', `/v1/alerts/${alert.id}/${review.verb}`, given);
      steps.current.push({ id: alert.id, review: reviewed.review_id });
      const waits = reviewed.awaiting && review.verb === 'confirm' ? '; it waits for a second reviewer' : '';
      say(`${review.done}: ${alert.person}, ${placeOf(alert)}${waits}.`, undo);
      await onDone(reviewed, false);
    });

  const undo = () =>
    void alone(async () => {
      const step = steps.current.at(-1);
      if (!step) return;
      try {
        const alert = await send<Reviewed>('POST', `/v1/alerts/${step.id}/undo`, { review: step.review });
        steps.current.pop();
        say(
          `Undone: ${alert.person}, ${placeOf(alert)}, is ${alert.state} again.`,
          steps.current.length > 0 ? undo : undefined,
        );
        await onDone(alert, true);
      } catch (thrown) {
        // Refused for good: then it is the turn of the one before.
        if ([404, 409].includes(problemOf(thrown).status ?? 0)) steps.current.pop();
        throw thrown;
      }
    });

  return {
    isBusy,
    asking,
    undo,
    /** Makes a review, after asking if it is not harmless. */
    begin: (alert: AlertReport, review: Review) => {
      if (isBusy || asking) return;
      if (review.ask) setAsking({ alert, review });
      else void make(alert, review, {});
    },
    /** Answers the question. */
    answer: (given: { note?: string; dismissal?: Dismissal } | undefined) => {
      const question = asking;
      setAsking(undefined);
      if (question && given) void make(question.alert, question.review, given);
    },
  };
};
