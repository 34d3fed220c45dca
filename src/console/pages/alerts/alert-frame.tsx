import { answer, api } from '../../api/client.ts';
import { useAnswer } from '../../api/use-answer.ts';
import { FramePhoto } from '../../components/frame-photo.tsx';
import { type AlertReport, placeOf } from './reviews.ts';

/** The whole photo in which the person was seen, with their face and the others in it. */
export const AlertFrame = ({ alert }: { alert: AlertReport }) => {
  const { data: image } = useAnswer(
    () => answer(api.images[':id'].$get({ param: { id: alert.image_id } })),
    [alert.image_id],
  );
  const boxes = image?.faces.map((face) => {
    const isHit = face.id === alert.face_id;
    const known = image.matches.find((match) => match.face_id === face.id)?.person;
    return {
      ...face.box,
      id: face.id,
      name: isHit ? alert.person : known,
      kind: isHit ? ('hit' as const) : known ? ('known' as const) : ('other' as const),
    };
  });
  return (
    <FramePhoto
      imageId={alert.image_id}
      width={image?.width}
      height={image?.height}
      boxes={boxes ?? []}
      alt={`The photo from ${placeOf(alert)} with ${alert.person}`}
    />
  );
};
