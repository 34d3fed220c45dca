/** EXIF orientations by the degrees clockwise until a picture is upright. */
const orientations: Record<number, number> = { 90: 6, 180: 3, 270: 8 };

/**
 * A JPEG that whoever decodes it turns clockwise by so many degrees: it is given an EXIF orientation, and its pixels stay as
 * they are. A picture that has EXIF data of its own, or is no JPEG, is not changed.
 */
export const turned = (bytes: Buffer, degrees: number | null): Buffer => {
  const orientation = orientations[degrees ?? 0];
  if (orientation === undefined || bytes[0] !== 0xff || bytes[1] !== 0xd8 || hasExif(bytes)) return bytes;
  return Buffer.concat([bytes.subarray(0, 2), segmentOf(orientation), bytes.subarray(2)]);
};

/** APP1 with one entry, in big-endian TIFF. */
const segmentOf = (orientation: number): Buffer =>
  Buffer.concat([
    Buffer.from([0xff, 0xe1, 0x00, 0x22]),
    Buffer.from('Exif\0\0MM\0\x2a', 'latin1'),
    Buffer.from([0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0]),
  ]);

const hasExif = (bytes: Buffer): boolean => {
  for (let at = 2; at + 10 <= bytes.length && bytes[at] === 0xff && bytes[at + 1] !== 0xda; ) {
    if (bytes[at + 1] === 0xe1 && bytes.toString('latin1', at + 4, at + 8) === 'Exif') return true;
    at += 2 + bytes.readUInt16BE(at + 2);
  }
  return false;
};
