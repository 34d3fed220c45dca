import { FaceCrop } from './face-crop.tsx';

/** The address that searches for a stored face. */
export const searchOf = (faceId: string): string => `/console/search?face=${faceId}`;

/** A face that is searched for when it is clicked. */
export const FaceLink = ({ faceId, alt }: { faceId: string | null | undefined; alt: string }) =>
  faceId ? (
    <a class="face-link" href={searchOf(faceId)} title="Search for this face">
      <FaceCrop faceId={faceId} alt={`${alt}: search for this face`} />
    </a>
  ) : (
    <FaceCrop faceId={faceId} alt={alt} />
  );
