import { UserRound } from 'lucide';
import { useState } from 'preact/hooks';
import { cropUrl } from '../api/client.ts';
import { Icon } from './icon.tsx';

/**
 * The aligned picture of a face, square. Without a face, or where its picture was removed, a silhouette.
 *
 * @param alt what it shows; empty where the text beside it says so.
 * @param size of a side in pixels; without it, as wide as its place.
 */
export const FaceCrop = ({
  faceId,
  alt = '',
  size,
}: {
  faceId: string | null | undefined;
  alt?: string;
  size?: number;
}) => {
  const [missing, setMissing] = useState<string>();
  const sides = size ? { width: size, height: size } : {};
  if (!faceId || missing === faceId) {
    return (
      <span class="face face-missing" style={size ? { width: `${size}px`, height: `${size}px` } : {}}>
        <Icon
          of={UserRound}
          size={size ? Math.round(size / 2) : 40}
          {...(alt ? { label: `${alt}: no picture` } : {})}
        />
      </span>
    );
  }
  return (
    <img
      class="face"
      src={cropUrl(faceId)}
      alt={alt}
      {...sides}
      decoding="async"
      onError={() => setMissing(faceId)}
    />
  );
};
