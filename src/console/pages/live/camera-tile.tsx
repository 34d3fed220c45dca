import { Camera, VideoOff } from 'lucide';
import { answer, api } from '../../api/client.ts';
import { useAnswer } from '../../api/use-answer.ts';
import { Ago } from '../../components/ago.tsx';
import { Badge } from '../../components/badge.tsx';
import { FramePhoto } from '../../components/frame-photo.tsx';
import { Icon } from '../../components/icon.tsx';
import type { Cameras } from './cameras.ts';

/** A camera with its latest photo, the faces in it, and how long ago it was taken. One that has gone silent says so. */
export const CameraTile = ({ camera }: { camera: Cameras[number] }) => {
  const { last_image: last, silent_since: silent } = camera;
  return (
    <li class="tile" data-silent={silent ? '' : undefined}>
      {last ? (
        <a href={`/console/pipeline/images/${last.id}`}>
          <LastPhoto id={last.id} place={camera.location} />
        </a>
      ) : (
        <div class="frame frame-missing">
          <Icon of={Camera} size={28} />
          <span>No photo yet</span>
        </div>
      )}
      <div class="tile-words">
        <p class="tile-name">
          <strong>{camera.location}</strong> <span class="faint">{camera.name}</span>
        </p>
        <p class="faint">{last && <Ago time={last.captured_at} />}</p>
        {silent && (
          <p class="tile-silent">
            <Icon of={VideoOff} size={16} />
            <Badge tone="critical">
              silent since <Ago time={silent} />
            </Badge>
          </p>
        )}
      </div>
    </li>
  );
};

const LastPhoto = ({ id, place }: { id: string; place: string }) => {
  const { data } = useAnswer(() => answer(api.images[':id'].$get({ param: { id } })), [id]);
  const boxes = data?.faces.map((face) => {
    const name = data.matches.find((match) => match.face_id === face.id)?.person;
    return { ...face.box, id: face.id, name, kind: name ? ('hit' as const) : ('other' as const) };
  });
  const names = [...new Set(data?.matches.map(({ person }) => person))].join(', ');
  return (
    <FramePhoto
      imageId={id}
      width={data?.width}
      height={data?.height}
      boxes={boxes ?? []}
      side={640}
      alt={`The last photo of ${place}${names ? `, with ${names}` : ''}`}
    />
  );
};
