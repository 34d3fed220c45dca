import { Star, Trash2 } from 'lucide';
import { useState } from 'preact/hooks';
import { answer, api, send } from '../../api/client.ts';
import type { Detected } from '../../api/enrol.ts';
import { untilEnrolled } from '../../api/enrol.ts';
import { may } from '../../api/session.ts';
import { useAnswer } from '../../api/use-answer.ts';
import { useWork } from '../../api/use-work.ts';
import { Badge } from '../../components/badge.tsx';
import { confirm } from '../../components/confirm.tsx';
import { Dialog } from '../../components/dialog.tsx';
import { FaceLink } from '../../components/face-link.tsx';
import { FramePhoto } from '../../components/frame-photo.tsx';
import { Icon } from '../../components/icon.tsx';
import { ProblemNote } from '../../components/problem.tsx';
import { Scoped } from '../../components/scoped.tsx';
import { say, sayProblem } from '../../components/toast.tsx';
import { AddPhotos } from './add-photos.tsx';
import type { PersonReport } from './types.ts';

type Photo = PersonReport['photos'][number];

/** The photos of a person with their quality, those that were refused with the reason, and where more are dropped. */
export const Photos = ({ person, onChange }: { person: PersonReport; onChange: () => Promise<void> }) => {
  const [choosing, setChoosing] = useState<Photo>();
  const photos = person.photos.filter((photo) => photo.state !== 'removed');
  return (
    <section class="part">
      <h2>Photos</h2>
      <ul class="photos">
        {photos.map((photo) => (
          <li key={photo.id}>
            <PhotoCard
              person={person}
              photo={photo}
              onChange={onChange}
              onChoose={() => setChoosing(photo)}
            />
          </li>
        ))}
        {photos.length === 0 && <li class="faint">None yet: {person.name} cannot be found without one.</li>}
      </ul>
      <Scoped scope="enrol">
        <AddPhotos name={person.name} personOf={async () => person.id} onAdded={() => void onChange()} />
      </Scoped>
      {choosing && (
        <ChooseAnother
          person={person}
          photo={choosing}
          onClose={() => {
            setChoosing(undefined);
            void onChange();
          }}
        />
      )}
    </section>
  );
};

const PhotoCard = ({
  person,
  photo,
  onChange,
  onChoose,
}: {
  person: PersonReport;
  photo: Photo;
  onChange: () => Promise<void>;
  onChoose: () => void;
}) => {
  const { quality } = photo;
  const isRefused = photo.state === 'refused';
  const remove = async () => {
    const yes = await confirm({
      title: 'Remove this photo?',
      text: `Matches that only this photo has made are withdrawn.`,
      go: 'Remove',
      danger: true,
    });
    if (!yes) return;
    try {
      await send('DELETE', `/v1/persons/${person.id}/photos/${photo.id}`);
      say('The photo is removed.');
      await onChange();
    } catch (thrown) {
      sayProblem(thrown);
    }
  };
  return (
    <article class="photo-card" aria-label={`Photo, ${photo.state}`}>
      <FaceLink faceId={photo.face_id} alt={person.name} />
      <p class="photo-words">
        <Badge tone={isRefused ? 'critical' : photo.state === 'enrolled' ? 'good' : 'neutral'}>
          {photo.state}
        </Badge>
        {photo.best && (
          <span class="best">
            <Icon of={Star} size={14} /> best
          </span>
        )}
        {may('enrol') && (
          <button
            type="button"
            class="icon-button"
            aria-label="Remove this photo"
            onClick={() => void remove()}
          >
            <Icon of={Trash2} size={16} />
          </button>
        )}
      </p>
      {isRefused && (
        <p>
          {photo.message} <code class="faint">{photo.code}</code>
        </p>
      )}
      {photo.looks_like && (
        <p class="warns">
          looks like <a href={`/console/people/${photo.looks_like.id}`}>{photo.looks_like.name}</a>
        </p>
      )}
      {quality && <p class="faint small">{inWords(quality)}</p>}
      {may('enrol') && (isRefused || photo.chosen_face !== null) && (
        <button type="button" class="button" onClick={onChoose}>
          Choose the face
        </button>
      )}
    </article>
  );
};

/** How good a photo is, in figures; those that are not known are left out. */
const inWords = ({ height_px, yaw, score }: NonNullable<Photo['quality']>): string =>
  [
    height_px !== null && `${Math.round(height_px)} px high`,
    yaw !== null && `turned ${Math.round(Math.abs(yaw))}°`,
    score !== null && `detector ${score.toFixed(2)}`,
  ]
    .filter(Boolean)
    .join(', ');

/** Another face of a photo that is stored. */
const ChooseAnother = ({
  person,
  photo,
  onClose,
}: {
  person: PersonReport;
  photo: Photo;
  onClose: () => void;
}) => {
  const { problem, isBusy, run } = useWork();
  const image = useAnswer(
    () => answer(api.images[':id'].$get({ param: { id: photo.image_id ?? '' } })),
    [photo.image_id],
  );
  const choose = (face: number) =>
    run(async () => {
      const { id } = await send<{ id: string }>('PATCH', `/v1/persons/${person.id}/photos/${photo.id}`, {
        face,
      });
      await untilEnrolled(person.id, id);
      say('The face is enrolled.');
      onClose();
    });
  const faces: Detected['faces'] = image.data?.faces ?? [];
  return (
    <Dialog title={`Which face is ${person.name}?`} size="wide" onClose={onClose}>
      <ProblemNote problem={problem ?? image.problem} />
      {isBusy && <p role="status">The face is looked at…</p>}
      {image.data && faces.length === 0 && <p>No face was found in this photo.</p>}
      <FramePhoto
        imageId={photo.image_id ?? ''}
        width={image.data?.width}
        height={image.data?.height}
        boxes={faces.map(({ box, ordinal }) => ({
          ...box,
          id: String(ordinal),
          kind: photo.chosen_face === ordinal ? ('hit' as const) : ('known' as const),
          label: `Face ${ordinal} from the left`,
          onChoose: () => choose(ordinal),
        }))}
        alt="The photo with its faces"
      />
    </Dialog>
  );
};
