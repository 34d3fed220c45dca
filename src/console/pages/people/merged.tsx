import { send } from '../../api/client.ts';
import { Ago } from '../../components/ago.tsx';
import { Scoped } from '../../components/scoped.tsx';
import { say, sayProblem } from '../../components/toast.tsx';
import type { PersonReport } from './types.ts';

/** Who was merged into a person, to be undone. */
export const Merged = ({ person, onChange }: { person: PersonReport; onChange: () => Promise<void> }) => {
  if (person.merged.length === 0) return null;
  const undo = async (merged: PersonReport['merged'][number]) => {
    try {
      await send('POST', `/v1/persons/${merged.id}/unmerge`, {});
      say(`${merged.name} is a person of their own again.`);
      await onChange();
    } catch (thrown) {
      sayProblem(thrown);
    }
  };
  return (
    <section class="part">
      <h2>Merged</h2>
      <ul class="lines">
        {person.merged.map((one) => (
          <li key={one.id}>
            <span>
              <strong>{one.name}</strong>{' '}
              <span class="faint">
                by {one.merged_by}, <Ago time={one.merged_at} />
                {one.note && `: ${one.note}`}
              </span>
            </span>
            <Scoped scope="enrol">
              <button type="button" class="button" onClick={() => void undo(one)}>
                Undo the merge
              </button>
            </Scoped>
          </li>
        ))}
      </ul>
    </section>
  );
};
