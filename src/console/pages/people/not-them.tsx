import { useState } from 'preact/hooks';
import { answer, api, send } from '../../api/client.ts';
import { useAnswer } from '../../api/use-answer.ts';
import { Ago } from '../../components/ago.tsx';
import { Dialog } from '../../components/dialog.tsx';
import { FaceCrop } from '../../components/face-crop.tsx';
import { Scoped } from '../../components/scoped.tsx';
import { say, sayProblem } from '../../components/toast.tsx';
import { FindPerson } from './find-person.tsx';
import type { PartOfPerson } from './types.ts';

/** Faces and people that are said not to be a person. */
export const NotThem = ({ person, turn, onChange }: PartOfPerson) => {
  const [isAsking, setAsking] = useState(false);
  const { data } = useAnswer(
    () => answer(api.persons[':id']['cannot-links'].$get({ param: { id: person.id } })),
    [person.id, turn],
  );
  const change = async (words: string, work: () => Promise<unknown>) => {
    try {
      await work();
      say(words);
      await onChange();
    } catch (thrown) {
      sayProblem(thrown);
    }
  };
  return (
    <section class="part">
      <h2>Not {person.name}</h2>
      <ul class="lines">
        {data?.cannot_links.map((link) => (
          <li key={link.id}>
            {link.face && (
              <FaceCrop faceId={link.face.id} size={44} alt={`A face that is not ${person.name}`} />
            )}
            <span>
              <strong>{link.person ? link.person.name : 'This face'}</strong>{' '}
              <span class="faint">
                said by {link.created_by}, <Ago time={link.created_at} />
                {link.reason && `: ${link.reason}`}
              </span>
            </span>
            <Scoped scope="enrol">
              <button
                type="button"
                class="button"
                onClick={() =>
                  void change('It may be them again.', () =>
                    send('DELETE', `/v1/persons/${person.id}/cannot-links/${link.id}`),
                  )
                }
              >
                Take back
              </button>
            </Scoped>
          </li>
        ))}
        {data?.cannot_links.length === 0 && (
          <li class="faint">Nobody has said of a face or a person that it is not {person.name}.</li>
        )}
      </ul>
      <Scoped scope="enrol">
        <p class="actions">
          <button type="button" class="button" onClick={() => setAsking(true)}>
            Somebody else is not {person.name}
          </button>
        </p>
      </Scoped>
      {isAsking && (
        <Dialog title={`Who is not ${person.name}?`} onClose={() => setAsking(false)}>
          <FindPerson
            label="They are two people, however alike"
            without={person.id}
            onChoose={(other) => {
              setAsking(false);
              void change(`${other.name} is not ${person.name}.`, () =>
                send('POST', `/v1/persons/${person.id}/cannot-links`, { person_id: other.id }),
              );
            }}
          />
        </Dialog>
      )}
    </section>
  );
};
