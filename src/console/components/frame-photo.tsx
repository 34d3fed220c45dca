import { ImageOff } from 'lucide';
import { useState } from 'preact/hooks';
import { photoUrl } from '../api/client.ts';
import { Icon } from './icon.tsx';

/** A box in a photo, in pixels of the upright photo. */
interface FrameBox {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** What is written below it, as a name. */
  readonly name?: string | undefined;
  /** `hit` is drawn bold in the colour of an alert, `known` in that of a name, others faintly. */
  readonly kind?: 'hit' | 'known' | 'other' | undefined;
  /** What a screen reader says of it, where it is a button; default: its name. */
  readonly label?: string | undefined;
  /** Makes the box a button. */
  readonly onChoose?: (() => void) | undefined;
  readonly id?: string | undefined;
}

/**
 * A whole photo with boxes and names drawn over it.
 *
 * @param width and height of the upright photo, in pixels, in which the boxes are; without them no boxes are drawn.
 * @param side the longer side of the picture that is fetched.
 */
export const FramePhoto = ({
  imageId,
  width,
  height,
  boxes = [],
  alt,
  side = 1280,
  src = photoUrl(imageId, side),
}: {
  imageId: string;
  width?: number | null | undefined;
  height?: number | null | undefined;
  boxes?: readonly FrameBox[];
  alt: string;
  side?: 320 | 640 | 1280 | 1920;
  /** Of a photo that is not stored. */
  src?: string;
}) => {
  const [missing, setMissing] = useState<string>();
  if (missing === src)
    return (
      <div class="frame frame-missing">
        <Icon of={ImageOff} size={28} />
        <span>The photo is not kept any more</span>
      </div>
    );
  return (
    <div class="frame">
      <img
        src={src}
        alt={alt}
        decoding="async"
        loading="lazy"
        onError={() => setMissing(src)}
        {...(width && height ? { width, height } : {})}
      />
      {width && height && boxes.length > 0 && <Boxes width={width} height={height} boxes={boxes} />}
    </div>
  );
};

/** Lines and letters are as thick on the screen whatever the photo's size: a unit is a thousandth of its longer side. */
const Boxes = ({ width, height, boxes }: { width: number; height: number; boxes: readonly FrameBox[] }) => {
  const unit = Math.max(width, height) / 1000;
  return (
    // biome-ignore lint/a11y/noSvgWithoutTitle: what can be chosen in it has labels, and without that it is hidden.
    <svg
      class="boxes"
      viewBox={`0 0 ${width} ${height}`}
      aria-hidden={boxes.some((box) => box.onChoose) ? undefined : 'true'}
    >
      {boxes.map((box, index) => (
        <Box key={box.id ?? index} box={box} unit={unit} />
      ))}
    </svg>
  );
};

const Box = ({ box, unit }: { box: FrameBox; unit: number }) => {
  const { x, y, width, height, name, kind = 'other', onChoose } = box;
  const choose = onChoose && {
    role: 'button' as const,
    // Attributes of SVG are case-sensitive.
    tabindex: 0,
    'aria-label': box.label ?? (name ? `Choose ${name}` : 'Choose this face'),
    onClick: onChoose,
    onKeyDown: (event: KeyboardEvent) => {
      if (event.key !== 'Enter' && event.key !== ' ') return;
      event.preventDefault();
      onChoose();
    },
  };
  return (
    <g class="box" data-kind={kind} {...choose}>
      <rect x={x} y={y} width={width} height={height} rx={6 * unit} />
      {name && (
        <text
          x={x + width / 2}
          y={y + height + 30 * unit}
          font-size={26 * unit}
          text-anchor="middle"
          stroke-width={7 * unit}
        >
          {name}
        </text>
      )}
    </g>
  );
};
