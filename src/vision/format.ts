/** Formats that are read. */
export type ImageFormat = 'jpeg' | 'png' | 'webp';

/** Formats recognised by their first bytes; GIF only so that an animated one gets its own error. */
type SniffedFormat = ImageFormat | 'gif' | null;

const startsWith = (bytes: Uint8Array, text: string, at = 0): boolean => {
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text.charCodeAt(i)) return false;
  return true;
};

/** The format by its magic number, whatever the file name; null for any other format. */
export const formatOf = (bytes: Uint8Array): SniffedFormat => {
  if (startsWith(bytes, '\xff\xd8\xff')) return 'jpeg';
  if (startsWith(bytes, '\x89PNG\r\n\x1a\n')) return 'png';
  if (startsWith(bytes, 'RIFF') && startsWith(bytes, 'WEBP', 8)) return 'webp';
  if (startsWith(bytes, 'GIF87a') || startsWith(bytes, 'GIF89a')) return 'gif';
  return null;
};

/** Whether the container declares more than one frame. Reads headers only. */
export const isAnimated = (bytes: Uint8Array, format: SniffedFormat): boolean => {
  if (format === 'webp') return startsWith(bytes, 'VP8X', 12) && ((bytes[20] ?? 0) & 0x02) !== 0;
  if (format === 'png') return hasAnimationControl(bytes);
  if (format === 'gif') return gifFrames(bytes, 2) === 2;
  return false;
};

/** An animated PNG has an acTL chunk before its first IDAT. */
const hasAnimationControl = (bytes: Uint8Array): boolean => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 8; at + 8 <= bytes.length; at += 12 + view.getUint32(at)) {
    if (startsWith(bytes, 'acTL', at + 4)) return true;
    if (startsWith(bytes, 'IDAT', at + 4)) return false;
  }
  return false;
};

/** Counts the frames of a GIF, up to `enough`, by its blocks. */
const gifFrames = (bytes: Uint8Array, enough: number): number => {
  const colours = (flags: number) => (flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0);
  const afterSubBlocks = (from: number): number => {
    let at = from;
    while (bytes[at]) at += bytes[at]! + 1;
    return at + 1;
  };
  let frames = 0;
  let at = 13 + colours(bytes[10] ?? 0);
  while (at < bytes.length && frames < enough) {
    if (bytes[at] === 0x21) at = afterSubBlocks(at + 2);
    else if (bytes[at] === 0x2c) {
      frames++;
      at = afterSubBlocks(at + 11 + colours(bytes[at + 9] ?? 0));
    } else break;
  }
  return frames;
};
