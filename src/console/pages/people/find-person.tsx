import { useState } from 'preact/hooks';
import { answer, api } from '../../api/client.ts';
import { useAnswer } from '../../api/use-answer.ts';
import { FaceCrop } from '../../components/face-crop.tsx';
import { Field } from '../../components/field.tsx';
import type { Person } from './types.ts';

/** Finds somebody by a part of their name. */
export const FindPerson = ({
  label,
  without,
  onChoose,
}: {
  label: string;
  /** Who is not shown. */
  without: string;
  onChoose: (person: Person) => void;
}) => {
  const [query, setQuery] = useState('');
  const found = useAnswer(
    () =>
      answer(api.persons.$get({ query: { limit: '9', ...(query.trim() ? { query: query.trim() } : {}) } })),
    [query],
  );
  const people = found.data?.persons.filter(({ id }) => id !== without).slice(0, 8) ?? [];
  return (
    <>
      <Field label={label}>
        {(control) => (
          <input
            {...control}
            type="search"
            placeholder="Part of the name"
            value={query}
            onInput={(event) => setQuery(event.currentTarget.value)}
          />
        )}
      </Field>
      <ul class="found">
        {people.map((person) => (
          <li key={person.id}>
            <button type="button" class="found-person" onClick={() => onChoose(person)}>
              <FaceCrop faceId={person.best_photo?.face_id} size={44} />
              <span>
                <strong>{person.name}</strong>
                <span class="faint">
                  {person.watchlists.map(({ name }) => name).join(', ') || 'on no list'}
                </span>
              </span>
            </button>
          </li>
        ))}
        {found.data && people.length === 0 && <li class="faint">Nobody else of that name.</li>}
      </ul>
    </>
  );
};
