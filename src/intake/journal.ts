import { type FileHandle, mkdir, open, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Which files of a folder were dealt with, so that none is submitted twice: a text file with a line for each. A line is on
 * disk before the next file is looked at; a crash can only lose that of the last one, which the idempotency key of its photo
 * makes up for.
 */
export class Journal {
  readonly #lines: Set<string>;
  readonly #handle: FileHandle;

  private constructor(lines: Set<string>, handle: FileHandle) {
    this.#lines = lines;
    this.#handle = handle;
  }

  /**
   * Opens a journal, or begins one.
   *
   * @param isNeeded false for a line of a file that is gone; it is dropped, so that the journal does not grow for ever.
   */
  static async open(path: string, isNeeded: (line: string) => Promise<boolean>): Promise<Journal> {
    await mkdir(dirname(path), { recursive: true });
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '';
      throw error;
    });
    const lines = new Set<string>();
    // Of a line that was cut off by a crash nothing is known.
    for (const line of text.split('\n').slice(0, -1)) if (await isNeeded(line)) lines.add(line);
    const written = `${path}.new`;
    await writeFile(written, [...lines].map((line) => `${line}\n`).join(''), { flush: true });
    await rename(written, path);
    return new Journal(lines, await open(path, 'a'));
  }

  has(line: string): boolean {
    return this.#lines.has(line);
  }

  async add(line: string): Promise<void> {
    this.#lines.add(line);
    await this.#handle.appendFile(`${line}\n`);
    await this.#handle.datasync();
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}
