import { useEffect, useMemo } from 'preact/hooks';
import type { Detected } from '../api/enrol.ts';
import { FramePhoto } from './frame-photo.tsx';

/**
 * A photo that is not stored, with its faces as buttons.
 *
 * @param chosen the face that is marked, counted from 1.
 */
export const ChooseFace = ({
  file,
  found,
  chosen,
  names,
  onChoose,
}: {
  file: File | Blob;
  found: Detected;
  chosen?: number | undefined;
  /** What is written below a face, by its number. */
  names?: Readonly<Record<number, string | undefined>> | undefined;
  onChoose?: ((face: number) => void) | undefined;
}) => {
  const src = useMemo(() => URL.createObjectURL(file), [file]);
  useEffect(() => () => URL.revokeObjectURL(src), [src]);
  return (
    <FramePhoto
      imageId=""
      src={src}
      width={found.width}
      height={found.height}
      boxes={found.faces.map(({ box, ordinal }) => ({
        ...box,
        id: String(ordinal),
        name: names?.[ordinal],
        kind: chosen === undefined || chosen === ordinal ? ('known' as const) : ('other' as const),
        label: `Face ${ordinal} from the left${names?.[ordinal] ? `, ${names[ordinal]}` : ''}`,
        ...(onChoose ? { onChoose: () => onChoose(ordinal) } : {}),
      }))}
      alt="The photo with its faces"
    />
  );
};
