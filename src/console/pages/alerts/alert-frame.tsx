import type { AnswerOf, api } from '../../api/client.ts';
import { FramePhoto } from '../../components/frame-photo.tsx';
import { placeOf } from '../../components/place.ts';
import type { AlertReport } from './reviews.ts';

/** A photo with its faces, matches and timeline. */
export type ImageReport = AnswerOf<Awaited<ReturnType<(typeof api.images)[':id']['$get']>>>;

/** The whole photo in which the person was seen, with their face and the others in it. */
export const AlertFrame = ({ alert, image }: { alert: AlertReport; image: ImageReport | undefined }) => {
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
