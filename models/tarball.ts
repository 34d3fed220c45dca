import { gunzipSync } from 'node:zlib';

const block = 512;

/**
 * Reads files from a `.tgz` as npm makes them (plain ustar: short names, regular files). Throws naming the path if
 * one is missing.
 */
export const filesFromTarball = (tgz: Uint8Array, paths: readonly string[]): Map<string, Uint8Array> => {
  const tar = gunzipSync(tgz);
  const text = (start: number, length: number) =>
    tar.toString('latin1', start, start + length).replace(/\0.*$/s, '');
  const found = new Map<string, Uint8Array>();
  for (let at = 0; at + block <= tar.length && tar[at] !== 0; ) {
    const prefix = text(at + 345, 155);
    const name = text(at, 100);
    const size = Number.parseInt(text(at + 124, 12).trim(), 8);
    const path = prefix ? `${prefix}/${name}` : name;
    at += block;
    if (paths.includes(path)) found.set(path, tar.subarray(at, at + size));
    at += Math.ceil(size / block) * block;
  }
  for (const path of paths) if (!found.has(path)) throw new Error(`the tarball has no ${path}`);
  return found;
};
