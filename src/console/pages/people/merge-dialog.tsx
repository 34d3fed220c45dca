import { useState } from 'preact/hooks';
import { send } from '../../api/client.ts';
import { useWork } from '../../api/use-work.ts';
import { Dialog } from '../../components/dialog.tsx';
import { FaceCrop } from '../../components/face-crop.tsx';
import { NoteField } from '../../components/field.tsx';
import { ProblemNote } from '../../components/problem.tsx';
import { say, sayProblem } from '../../components/toast.tsx';
import { FindPerson } from './find-person.tsx';
import type { Person, PersonReport } from './types.ts';

/** Merges somebody who was enrolled twice: finds the other one, shows both faces, and says what follows. */
export const MergeDialog = ({ person, onClose }: { person: PersonReport; onClose: () => void }) => {
  const [other, setOther] = useState<Person>();
  const [note, setNote] = useState('');
  const { problem, isBusy, run } = useWork();
  const best = person.photos.find((photo) => photo.best) ?? person.photos.find((photo) => photo.face_id);
  const undo = async (merged: Person) => {
    try {
      await send('POST', `/v1/persons/${merged.id}/unmerge`, {});
      say(`${merged.name} is a person of their own again.`);
      onClose();
    } catch (thrown) {
      sayProblem(thrown);
    }
  };
  const merge = (merged: Person) =>
    run(async () => {
      await send('POST', `/v1/persons/${person.id}/merge`, {
        merged_id: merged.id,
        ...(note.trim() ? { note: note.trim() } : {}),
      });
      say(`${merged.name} was merged into ${person.name}.`, () => void undo(merged));
      onClose();
    });
  return (
    <Dialog title={`Merge somebody into ${person.name}`} onClose={onClose}>
      {other ? (
        <form
          class="form"
          onSubmit={(event) => {
            event.preventDefault();
            merge(other);
          }}
        >
          <div class="pair small">
            <figure>
              <FaceCrop faceId={best?.face_id} alt={person.name} />
              <figcaption>{person.name} stays</figcaption>
            </figure>
            <figure>
              <FaceCrop faceId={other.best_photo?.face_id} alt={other.name} />
              <figcaption>{other.name} is merged</figcaption>
            </figure>
          </div>
          <p>
            {person.name} gets the photos, sightings, alerts and lists of {other.name}, and keeps their own
            name. Links to {other.name} lead to {person.name} from then on. It can be undone.
          </p>
          <NoteField value={note} onChange={setNote} />
          <ProblemNote problem={problem} />
          <div class="actions end">
            <button type="button" class="button" onClick={() => setOther(undefined)}>
              Somebody else
            </button>
            <button type="submit" class="button primary" disabled={isBusy}>
              Merge
            </button>
          </div>
        </form>
      ) : (
        <FindPerson label="Who is the same person?" without={person.id} onChoose={setOther} />
      )}
    </Dialog>
  );
};
