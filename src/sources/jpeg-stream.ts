import { limits } from '../limits.ts';
import { SourceError } from './source.ts';

const startOfImage = Buffer.from([0xff, 0xd8, 0xff]);
const endOfImage = Buffer.from([0xff, 0xd9]);

/** Cuts a stream of JPEG files into these, whatever is between them. */
export class JpegStream {
  #bytes: Buffer = Buffer.alloc(0);
  /** From where on the end of the first picture is looked for; 0: not known yet. */
  #from = 0;

  /**
   * @returns the pictures that the piece has completed.
   * @throws {SourceError} for a picture that is larger than a photo may be.
   */
  push(piece: Buffer): Buffer[] {
    this.#bytes = this.#bytes.length === 0 ? piece : Buffer.concat([this.#bytes, piece]);
    const whole: Buffer[] = [];
    for (let one = this.#first(); one; one = this.#first()) whole.push(one);
    if (this.#bytes.length > limits.photoBytes.max)
      throw new SourceError(`A picture of it is larger than ${limits.photoBytes.max / 2 ** 20} MB.`);
    return whole;
  }

  #first(): Buffer | undefined {
    if (this.#from === 0) {
      const start = this.#bytes.indexOf(startOfImage);
      // The end may be the beginning of the marker.
      this.#bytes = this.#bytes.subarray(start === -1 ? Math.max(0, this.#bytes.length - 2) : start);
      if (start === -1) return undefined;
      this.#from = this.#afterSegments();
      if (this.#from === 0) return undefined;
    }
    const end = this.#bytes.indexOf(endOfImage, this.#from);
    if (end === -1) {
      this.#from = Math.max(this.#from, this.#bytes.length - 1);
      return undefined;
    }
    const one = Buffer.from(this.#bytes.subarray(0, end + 2));
    this.#bytes = this.#bytes.subarray(end + 2);
    this.#from = 0;
    return one;
  }

  /** Where the picture itself begins: a segment before it may hold a thumbnail with an end of its own. 0: not there yet. */
  #afterSegments(): number {
    let at = 2;
    while (at + 4 <= this.#bytes.length) {
      if (this.#bytes[at] !== 0xff) return at;
      if (this.#bytes[at + 1] === 0xda) return at + 4;
      at += 2 + this.#bytes.readUInt16BE(at + 2);
    }
    return 0;
  }
}
