import { Check } from 'lucide';
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { answer, api, send } from '../../api/client.ts';
import { addPhoto, type Detected, detect } from '../../api/enrol.ts';
import { may } from '../../api/session.ts';
import { useAnswer } from '../../api/use-answer.ts';
import { useWork } from '../../api/use-work.ts';
import { ChooseFace } from '../../components/choose-face.tsx';
import { Field } from '../../components/field.tsx';
import { Icon } from '../../components/icon.tsx';
import { PhotoDrop } from '../../components/photo-drop.tsx';
import { ProblemNote } from '../../components/problem.tsx';
import type { Cameras } from './cameras.ts';

/** In place of empty tiles: what a new installation needs to raise its first alert. */
export const FirstRun = ({ cameras, onChange }: { cameras: Cameras; onChange: () => void }) => {
  const people = useAnswer(() => answer(api.persons.$get({ query: { limit: '1' } })), []);
  const hasCamera = cameras.length > 0;
  const hasPerson = (people.data?.persons.length ?? 0) > 0;
  if (!may('administer'))
    return <p class="lead">No camera has sent a photo yet. Alerts appear here as they are raised.</p>;
  return (
    <>
      <p class="lead">Nothing has been seen yet. Three steps lead to the first alert.</p>
      <ol class="steps">
        <Step number={1} title="Where is your camera?" isDone={hasCamera} done={cameras[0]?.location}>
          <CameraStep onDone={onChange} />
        </Step>
        <Step number={2} title="Who is looked for?" isDone={hasPerson} done={people.data?.persons[0]?.name}>
          <PersonStep onDone={() => void people.reload()} />
        </Step>
        <Step number={3} title="What does the camera see?" isDone={false}>
          <FrameStep camera={cameras[0]?.name} isReady={hasCamera && hasPerson} onDone={onChange} />
        </Step>
      </ol>
    </>
  );
};

const Step = ({
  number,
  title,
  isDone,
  done,
  children,
}: {
  number: number;
  title: string;
  isDone: boolean;
  /** What was made, where it is done. */
  done?: string | undefined;
  children: ComponentChildren;
}) => (
  <li class="card step" data-done={isDone ? '' : undefined}>
    <h2>
      <span class="step-number">{isDone ? <Icon of={Check} size={16} label="Done" /> : number}</span>
      {title}
    </h2>
    {isDone ? <p class="faint">{done}</p> : children}
  </li>
);

const CameraStep = ({ onDone }: { onDone: () => void }) => {
  const [location, setLocation] = useState('');
  const { problem, isBusy, run } = useWork();
  const add = (event: Event) => {
    event.preventDefault();
    const name = location
      .trim()
      .toLowerCase()
      .replace(/[^\p{L}\p{N}]+/gu, '-');
    run(async () => {
      await send('POST', '/v1/cameras', { name, location: location.trim() });
      onDone();
    });
  };
  return (
    <form class="form" onSubmit={add}>
      <Field label="Place" hint="As people say it: North gate, Lobby.">
        {(control) => (
          <input
            {...control}
            required
            maxLength={200}
            value={location}
            onInput={(event) => setLocation(event.currentTarget.value)}
          />
        )}
      </Field>
      <ProblemNote problem={problem} />
      <div class="actions">
        <button type="submit" class="button primary" disabled={isBusy}>
          Add the camera
        </button>
      </div>
    </form>
  );
};

/** The list of the first person, made if there is none. */
const firstList = async (): Promise<string> => {
  const { watchlists } = await answer(api.watchlists.$get({ query: { limit: '1' } }));
  if (watchlists[0]) return watchlists[0].name;
  const purpose = 'To be said: made by the first steps of the console';
  const made = await send<{ name: string }>('POST', '/v1/watchlists', { name: 'Watchlist', purpose });
  return made.name;
};

/**
 * Adds a person with a face of a photo. If the photo is refused the person goes again, so that the same name can be given with
 * a better one.
 */
const enrol = async (name: string, file: File, face: number): Promise<void> => {
  const { id } = await send<{ id: string }>('POST', '/v1/persons', { name, watchlists: [await firstList()] });
  try {
    await addPhoto(id, file, face);
  } catch (thrown) {
    await send('DELETE', `/v1/persons/${id}`);
    throw thrown;
  }
};

const PersonStep = ({ onDone }: { onDone: () => void }) => {
  const [name, setName] = useState('');
  /** A photo with several faces, of which one is to be chosen. */
  const [several, setSeveral] = useState<{ file: File; found: Detected }>();
  const { problem, isBusy, run } = useWork();
  const add = (file: File | undefined) =>
    run(async () => {
      if (!file) return;
      const found = await detect(file);
      if (found.faces.length > 1) {
        setSeveral({ file, found });
        return;
      }
      await enrol(name.trim(), file, 1);
      onDone();
    });
  const choose = (face: number) =>
    run(async () => {
      if (!several) return;
      setSeveral(undefined);
      await enrol(name.trim(), several.file, face);
      onDone();
    });
  return (
    <div class="form">
      <Field label="Name">
        {(control) => (
          <input
            {...control}
            maxLength={200}
            value={name}
            onInput={(event) => setName(event.currentTarget.value)}
          />
        )}
      </Field>
      {several ? (
        <>
          <p role="status">Which face is {name.trim()}?</p>
          <ChooseFace file={several.file} found={several.found} onChoose={choose} />
        </>
      ) : (
        <>
          <PhotoDrop
            label={name.trim() ? `Drop a photo of ${name.trim()}` : 'Give the name first'}
            disabled={isBusy || !name.trim()}
            onPhotos={([file]) => add(file)}
          />
          <p class="hint">Looking at the camera. Whoever is added is put on a watchlist.</p>
          <ProblemNote problem={problem} />
        </>
      )}
      {isBusy && <p role="status">The photo is looked at…</p>}
    </div>
  );
};

const FrameStep = ({
  camera,
  isReady,
  onDone,
}: {
  camera: string | undefined;
  isReady: boolean;
  onDone: () => void;
}) => {
  const { problem, isBusy, run } = useWork();
  const submit = (file: File | undefined) =>
    run(async () => {
      if (!file || !camera) return;
      const form = new FormData();
      form.append('image', file);
      form.append('camera', camera);
      const { id } = await send<{ id: string }>('POST', '/v1/images', form);
      await send('GET', `/v1/images/${id}`, undefined, { prefer: 'wait=30' });
      onDone();
    });
  return (
    <div class="form">
      <PhotoDrop
        label={isReady ? 'Drop a photo that the camera took' : 'After the other two'}
        disabled={!isReady || isBusy}
        onPhotos={([file]) => submit(file)}
      />
      <p class="hint">
        Cameras send theirs by <code>POST /v1/images</code>.
      </p>
      {isBusy && <p role="status">The photo is searched for faces…</p>}
      <ProblemNote problem={problem} />
    </div>
  );
};
