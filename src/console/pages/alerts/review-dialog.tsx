import { useState } from 'preact/hooks';
import { Dialog } from '../../components/dialog.tsx';
import { FaceCrop } from '../../components/face-crop.tsx';
import { NoteField } from '../../components/field.tsx';
import { type AlertReport, bestOf, type Dismissal, type Review } from './reviews.ts';

/** Asks about a review: both faces, what follows, a reason where one is needed, and a note. */
export const ReviewDialog = ({
  alert,
  review,
  onAnswer,
}: {
  alert: AlertReport;
  review: Review & { ask: NonNullable<Review['ask']> };
  /** Undefined: it is left. */
  onAnswer: (given: { note?: string; dismissal?: Dismissal } | undefined) => void;
}) => {
  const { title, follows, go, reasons } = review.ask;
  const [note, setNote] = useState('');
  const [reason, setReason] = useState<Dismissal | undefined>(review.dismissal ?? reasons?.[0]?.[0]);
  const isMissing = reason === 'other' && note.trim() === '';
  const send = (event: Event) => {
    event.preventDefault();
    if (isMissing) return;
    onAnswer({ ...(note.trim() ? { note: note.trim() } : {}), ...(reason ? { dismissal: reason } : {}) });
  };
  return (
    <Dialog title={title(alert)} onClose={() => onAnswer(undefined)}>
      <form class="form" onSubmit={send}>
        <div class="pair small">
          <FaceCrop faceId={alert.face_id} alt="The face that was seen" />
          <FaceCrop faceId={bestOf(alert)?.reference_face_id} alt="The enrolled face" />
        </div>
        <p>{follows(alert)}</p>
        {reasons && (
          <fieldset class="reasons">
            <legend>Why</legend>
            {reasons.map(([value, words]) => (
              <label class="check" key={value}>
                <input
                  type="radio"
                  name="reason"
                  checked={reason === value}
                  onChange={() => setReason(value)}
                />
                {words}
              </label>
            ))}
          </fieldset>
        )}
        <NoteField
          label={isMissing ? 'Note (needed for another reason)' : 'Note'}
          value={note}
          onChange={setNote}
        />
        <div class="actions end">
          <button type="button" class="button" onClick={() => onAnswer(undefined)}>
            Cancel
          </button>
          <button type="submit" class="button primary" disabled={isMissing}>
            {go}
          </button>
        </div>
      </form>
    </Dialog>
  );
};
