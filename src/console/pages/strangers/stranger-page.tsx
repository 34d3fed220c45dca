import { UserRoundPlus } from 'lucide';
import { useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import { answer, api, send } from '../../api/client.ts';
import { useAnswer } from '../../api/use-answer.ts';
import { Ago } from '../../components/ago.tsx';
import { FaceLink } from '../../components/face-link.tsx';
import { FormDialog, ManyField, TextField } from '../../components/form.tsx';
import { Icon } from '../../components/icon.tsx';
import { Page } from '../../components/page.tsx';
import { placeOf } from '../../components/place.ts';
import { ProblemNote } from '../../components/problem.tsx';
import { Scoped } from '../../components/scoped.tsx';
import { say } from '../../components/toast.tsx';

/** One stranger with every face, the latest first, to be given a name. */
export const StrangerPage = ({ id }: { id: string }) => {
  const { route } = useLocation();
  const [isNaming, setNaming] = useState(false);
  const stranger = useAnswer(() => answer(api.strangers[':id'].$get({ param: { id } })), [id]);
  const { data } = stranger;
  return (
    <Page
      title={data?.person ?? 'A stranger'}
      lead={<a href="/console/strangers">All strangers</a>}
      toolbar={
        data &&
        !data.person_id && (
          <Scoped scope="enrol">
            <button type="button" class="button primary" onClick={() => setNaming(true)}>
              <Icon of={UserRoundPlus} size={18} />
              Give a name
            </button>
          </Scoped>
        )
      }
    >
      <ProblemNote problem={stranger.problem} onRetry={() => void stranger.reload()} />
      {data?.person_id && (
        <p>
          Named by {data.named_by}: <a href={`/console/people/${data.person_id}`}>{data.person}</a>
        </p>
      )}
      <ul class="sightings">
        {data?.faces.map((face) => (
          <li key={face.face_id}>
            <FaceLink faceId={face.face_id} alt={`Seen at ${placeOf(face)}`} />
            <p>
              Visit {face.visit}, {placeOf(face)}
            </p>
            <p class="faint">
              <Ago time={face.seen_at} />
            </p>
            <p class="sighting-links">
              <a href={`/console/pipeline/images/${face.image_id}`}>Photo</a>
            </p>
          </li>
        ))}
      </ul>
      {isNaming && (
        <NameStranger
          id={id}
          onClose={() => setNaming(false)}
          onNamed={(person) => route(`/console/people/${person}`)}
        />
      )}
    </Page>
  );
};

const NameStranger = ({
  id,
  onClose,
  onNamed,
}: {
  id: string;
  onClose: () => void;
  onNamed: (person: string) => void;
}) => {
  const lists = useAnswer(() => answer(api.watchlists.$get({ query: { limit: '500' } })), []);
  return (
    <FormDialog
      title="Who is it?"
      go="Add as a person"
      onClose={onClose}
      onSave={async (fields) => {
        const name = fields.text('name');
        const { person_id } = await send<{ person_id: string }>('POST', `/v1/strangers/${id}/person`, {
          name,
          watchlists: fields.all('lists'),
        });
        say(`${name} is a person now, with their best views as photos.`);
        onNamed(person_id);
      }}
    >
      <TextField label="Name" name="name" required maxLength={200} />
      <ManyField
        label="Lists"
        name="lists"
        values={[]}
        options={lists.data?.watchlists.map((list) => [list.id, list.name] as const) ?? []}
      />
    </FormDialog>
  );
};
