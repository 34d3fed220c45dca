import { useLocation } from 'preact-iso';
import type { AnswerOf, api } from '../api/client.ts';
import { searchOf } from './face-link.tsx';
import { FramePhoto } from './frame-photo.tsx';

/** A photo with its faces, matches and timeline. */
export type ImageReport = AnswerOf<Awaited<ReturnType<(typeof api.images)[':id']['$get']>>>;

/**
 * A stored photo with its faces and who they are; a face is searched for when it is clicked.
 *
 * @param hit the face that the page is about; without it, everybody who is known.
 */
export const ImageFaces = ({
  id,
  image,
  hit,
  alt,
}: {
  id: string;
  image: ImageReport | undefined;
  hit?: { readonly face: string; readonly name: string };
  alt: string;
}) => {
  const { route } = useLocation();
  const boxes = image?.faces.map((face) => {
    const isHit = face.id === hit?.face;
    const name = isHit ? hit.name : image.matches.find((match) => match.face_id === face.id)?.person;
    const ofName = hit ? ('known' as const) : ('hit' as const);
    return {
      ...face.box,
      id: face.id,
      name,
      kind: isHit ? ('hit' as const) : name ? ofName : ('other' as const),
      label: `Search for ${name ?? `face ${face.ordinal} from the left`}`,
      onChoose: () => route(searchOf(face.id)),
    };
  });
  return (
    <FramePhoto imageId={id} width={image?.width} height={image?.height} boxes={boxes ?? []} alt={alt} />
  );
};
