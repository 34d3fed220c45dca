import 'elheif/pkg/elheif-wasm.js';
import type { Sharp } from 'sharp';

/** The encoder: libheif with kvazaar, in WebAssembly. */
interface Encoder {
  onRuntimeInitialized?: () => void;
  jsEncodeImage?(
    rgba: Uint8Array,
    width: number,
    height: number,
  ): { readonly err: string; readonly data: Uint8Array };
}

let opening: Promise<Encoder> | undefined;

const open = (): Promise<Encoder> => {
  opening ??= new Promise((resolve) => {
    const encoder: Encoder = { onRuntimeInitialized: () => resolve(encoder) };
    (globalThis as unknown as { __init__ELHEIF_MODULE(into: Encoder): void }).__init__ELHEIF_MODULE(encoder);
  });
  return opening;
};

/** A picture as HEIC; 640 x 427 pixels take half a second. */
export const heicOf = async (picture: Sharp): Promise<Buffer> => {
  const encoder = await open();
  const { data, info } = await picture.ensureAlpha().raw().toBuffer({ resolveWithObject: true });
  const { err, data: file } = encoder.jsEncodeImage!(new Uint8Array(data), info.width, info.height);
  if (err) throw new Error(err);
  return Buffer.from(file);
};

/** Box types, and where the boxes lie in a file: `at` is where the length of one begins. */
const find = (file: Buffer, type: string): number => file.indexOf(type) - 4;

const lengthen = (file: Buffer, box: string, by: number): void => {
  const at = find(file, box);
  file.writeUInt32BE(file.readUInt32BE(at) + by, at);
};

/** A HEIC of this encoder with another property of its main picture, such as a rotation or a colour profile. */
export const withProperty = (heic: Buffer, type: string, content: Uint8Array): Buffer => {
  const property = Buffer.concat([Buffer.alloc(4), Buffer.from(type), content]);
  property.writeUInt32BE(property.length);
  const [properties, links] = [find(heic, 'ipco'), find(heic, 'ipma')];
  let number = 1;
  for (let at = properties + 8; at < links; at += heic.readUInt32BE(at)) number += 1;

  // Version and flags, the number of entries, then of the first: item, number of its properties, properties.
  const countAt = links + 18;
  const afterFirst = countAt + 1 + heic[countAt]!;
  const file = Buffer.concat([
    heic.subarray(0, links),
    property,
    heic.subarray(links, afterFirst),
    Buffer.from([number]),
    heic.subarray(afterFirst),
  ]);
  file[countAt + property.length] = heic[countAt]! + 1;
  lengthen(file, 'ipco', property.length);
  lengthen(file, 'ipma', 1);
  lengthen(file, 'iprp', property.length + 1);
  lengthen(file, 'meta', property.length + 1);
  moveItems(file, property.length + 1);
  return file;
};

/** Corrects where the coded pictures lie: for each, its number, a reference, an offset, and parts relative to it. */
const moveItems = (file: Buffer, by: number): void => {
  const at = find(file, 'iloc');
  if (file.readUInt32BE(at + 8) !== 0 || file.readUInt16BE(at + 12) !== 0x4440)
    throw new Error('The encoder writes another iloc box than this test knows.');
  let entry = at + 16;
  for (let items = file.readUInt16BE(at + 14); items > 0; items -= 1) {
    file.writeUInt32BE(file.readUInt32BE(entry + 4) + by, entry + 4);
    entry += 10 + 8 * file.readUInt16BE(entry + 8);
  }
};

/** An AVIF or HEIC that declares another size for each of its pictures. */
export const declaring = (file: Buffer, width: number, height: number): Buffer => {
  const lying = Buffer.from(file);
  for (let at = lying.indexOf('ispe'); at !== -1; at = lying.indexOf('ispe', at + 4)) {
    lying.writeUInt32BE(width, at + 8);
    lying.writeUInt32BE(height, at + 12);
  }
  return lying;
};
