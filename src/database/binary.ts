/**
 * Bytes that a query gives as `encode(column, 'base64')`: for a crop of a few KB, by a statement that is prepared. A
 * bytea arrives in hex, twice as long, because the driver reads binary results as UTF-8. copyOut() is for large values.
 */
export const fromBase64 = (text: string): Buffer => Buffer.from(text, 'base64');

/**
 * A parameter of type real[]: in binary a number takes eight bytes; as text it takes twenty digits, which have to be
 * formatted and parsed.
 */
export const realArray = (vectors: readonly Float32Array[]): Buffer => {
  const length = vectors.reduce((sum, vector) => sum + vector.length, 0);
  const array = Buffer.alloc(headerBytes + 8 * length);
  // One dimension, no nulls, the element's type, how many, counted from 1.
  for (const [index, value] of [1, 0, real, length, 1].entries()) array.writeInt32BE(value, 4 * index);
  let at = headerBytes;
  for (const vector of vectors) {
    for (const value of vector) {
      array.writeInt32BE(4, at);
      array.writeFloatBE(value, at + 4);
      at += 8;
    }
  }
  return array;
};

const headerBytes = 20;

/** The type's number in every Postgres. */
const real = 700;
