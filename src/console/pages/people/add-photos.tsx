import { CircleAlert, CircleCheck } from 'lucide';
import { useState } from 'preact/hooks';
import { addPhoto, type Detected, detect } from '../../api/enrol.ts';
import { type Problem, problemOf } from '../../api/problem.ts';
import { ChooseFace } from '../../components/choose-face.tsx';
import { Icon } from '../../components/icon.tsx';
import { PhotoDrop } from '../../components/photo-drop.tsx';

/** A photo that was dropped, and what became of it. */
interface Given {
  readonly file: File;
  readonly state: 'busy' | 'enrolled' | 'refused' | 'several';
  readonly problem?: Problem;
  readonly found?: Detected;
}

/**
 * Where photos of a person are dropped. Each is enrolled, or says at once why it is not; where several faces are in one, the
 * right one is clicked.
 *
 * @param personOf the id of the person, who may have to be added first. It may throw.
 */
export const AddPhotos = ({
  name,
  disabled = false,
  personOf,
  onAdded,
}: {
  name: string;
  disabled?: boolean;
  personOf: () => Promise<string>;
  onAdded: () => void;
}) => {
  const [given, setGiven] = useState<readonly Given[]>([]);
  const set = (file: File, change: Omit<Given, 'file'>) =>
    setGiven((all) => all.map((one) => (one.file === file ? { file, ...change } : one)));

  const enrol = async (file: File, face?: number) => {
    set(file, { state: 'busy' });
    try {
      await addPhoto(await personOf(), file, face);
      set(file, { state: 'enrolled' });
      onAdded();
    } catch (thrown) {
      set(file, { state: 'refused', problem: problemOf(thrown) });
      onAdded();
    }
  };
  const look = async (file: File) => {
    try {
      const found = await detect(file);
      if (found.faces.length > 1) set(file, { state: 'several', found });
      else await enrol(file);
    } catch (thrown) {
      set(file, { state: 'refused', problem: problemOf(thrown) });
    }
  };
  const add = async (files: readonly File[]) => {
    setGiven((all) => [...all, ...files.map((file): Given => ({ file, state: 'busy' }))]);
    // One after the other: the server looks at few photos at a time.
    for (const file of files) await look(file);
  };

  return (
    <div class="form">
      <PhotoDrop
        label={disabled ? 'Give the name first' : `Drop photos of ${name}`}
        several
        paste
        disabled={disabled}
        onPhotos={(files) => void add(files)}
      />
      <ul class="given" aria-live="polite">
        {given.map((one, index) => (
          <li key={`${index} ${one.file.name}`} data-state={one.state}>
            <Outcome given={one} name={name} onChoose={(face) => void enrol(one.file, face)} />
          </li>
        ))}
      </ul>
    </div>
  );
};

const Outcome = ({
  given: { file, state, problem, found },
  name,
  onChoose,
}: {
  given: Given;
  name: string;
  onChoose: (face: number) => void;
}) => {
  if (state === 'several' && found)
    return (
      <div class="form">
        <p>
          <strong>Which face is {name}?</strong> <span class="faint">{file.name}</span>
        </p>
        <ChooseFace file={file} found={found} onChoose={onChoose} />
      </div>
    );
  if (state === 'refused')
    return (
      <>
        <Icon of={CircleAlert} size={18} />
        <span>
          <strong>{file.name}</strong>: {problem?.message} {problem?.hint && `${problem.hint} `}
          <code class="faint">{problem?.code}</code>
        </span>
      </>
    );
  return (
    <>
      {state === 'enrolled' && <Icon of={CircleCheck} size={18} />}
      <span>
        <strong>{file.name}</strong> {state === 'enrolled' ? 'is enrolled' : 'is looked at…'}
      </span>
    </>
  );
};
