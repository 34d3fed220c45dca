import { useRef, useState } from 'preact/hooks';
import { send } from '../../api/client.ts';
import { useWork } from '../../api/use-work.ts';
import { Dialog } from '../../components/dialog.tsx';
import { Field } from '../../components/field.tsx';
import { ProblemNote } from '../../components/problem.tsx';
import { AddPhotos } from './add-photos.tsx';
import { legalBases } from './types.ts';

/**
 * Adds a person and their first photos, in one dialog. The person is added with the first photo, or by the button without one.
 *
 * @param onClose gets the id of who was added; undefined: nobody was.
 */
export const AddPerson = ({
  lists,
  onClose,
}: {
  lists: readonly { readonly id: string; readonly name: string }[];
  onClose: (id: string | undefined) => void;
}) => {
  const [name, setName] = useState('');
  const [basis, setBasis] = useState('');
  const [chosen, setChosen] = useState<readonly string[]>(lists.length === 1 ? [lists[0]?.id ?? ''] : []);
  const [isAdded, setAdded] = useState(false);
  const added = useRef<Promise<string>>(undefined);
  const { problem, isBusy, run } = useWork();
  const id = useRef<string>(undefined);

  /** Adds the person once, however many photos ask for it. */
  const personOf = (): Promise<string> => {
    added.current ??= send<{ id: string }>('POST', '/v1/persons', {
      name: name.trim(),
      watchlists: chosen,
      ...(basis ? { legal_basis: basis } : {}),
    }).then(
      (person) => {
        id.current = person.id;
        setAdded(true);
        return person.id;
      },
      (thrown) => {
        added.current = undefined;
        throw thrown;
      },
    );
    return added.current;
  };
  const toggle = (list: string, on: boolean) =>
    setChosen((before) => (on ? [...before, list] : before.filter((one) => one !== list)));

  return (
    <Dialog title={isAdded ? name.trim() : 'Add a person'} onClose={() => onClose(id.current)}>
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault();
          run(async () => {
            await personOf();
            onClose(id.current);
          });
        }}
      >
        {!isAdded && (
          <>
            <Field label="Name">
              {(control) => (
                <input
                  {...control}
                  required
                  maxLength={200}
                  value={name}
                  onInput={(event) => setName(event.currentTarget.value)}
                />
              )}
            </Field>
            <fieldset class="many">
              <legend>Lists</legend>
              <div class="many-boxes">
                {lists.map((list) => (
                  <label class="check" key={list.id}>
                    <input
                      type="checkbox"
                      checked={chosen.includes(list.id)}
                      onChange={(event) => toggle(list.id, event.currentTarget.checked)}
                    />
                    {list.name}
                  </label>
                ))}
                {lists.length === 0 && (
                  <p class="faint">
                    There is no list yet; <a href="/console/lists">add one</a> to be alerted.
                  </p>
                )}
              </div>
            </fieldset>
            <Field
              label="Legal basis"
              hint="Why their face may be kept; without a choice, the one that is set for all."
            >
              {(control) => (
                <select {...control} value={basis} onChange={(event) => setBasis(event.currentTarget.value)}>
                  <option value="">As set for all</option>
                  {legalBases.map(([value, words]) => (
                    <option key={value} value={value}>
                      {words}
                    </option>
                  ))}
                </select>
              )}
            </Field>
          </>
        )}
        <AddPhotos name={name.trim()} disabled={name.trim() === ''} personOf={personOf} onAdded={() => {}} />
        <ProblemNote problem={problem} />
        <div class="actions end">
          <button type="submit" class="button primary" disabled={isBusy || name.trim() === ''}>
            {isAdded ? 'Done' : 'Add without a photo'}
          </button>
        </div>
      </form>
    </Dialog>
  );
};
