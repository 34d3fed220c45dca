import { createHash } from 'node:crypto';
import { copyFile, mkdir, rename, stat, unlink } from 'node:fs/promises';
import { basename, dirname, extname, join, relative, sep } from 'node:path';
import { toWatchpostError } from '../convert-error.ts';
import { isDatabaseAway } from '../database-errors.ts';
import { isWholePhoto, type Journal, type SubmittedPhoto } from '../intake/index.ts';
import { Unreachable } from './program/api.ts';
import { reasonOf } from './program/each.ts';
import { codeOf, readGivenPhoto } from './submit.ts';
import type { Way } from './submit-ways.ts';

/** What became of a file. `known`: it was dealt with before, with an id if only the database knows it; `unfinished`: it is still written, or was cut off. */
export type Outcome =
  | { readonly file: string; readonly state: 'submitted' | 'known'; readonly id: string }
  | { readonly file: string; readonly state: 'refused'; readonly code: string; readonly message: string }
  | { readonly file: string; readonly state: 'known' | 'unfinished'; readonly id?: never };

interface Options {
  /** Absolute path. */
  readonly folder: string;
  readonly journal: Journal;
  readonly way: Way;
  readonly maxPixels: number;
  readonly cameraFromFolder: boolean;
  /** Absolute paths; undefined: files stay. */
  readonly moveTo: string | undefined;
  readonly refusedTo: string | undefined;
  /** Milliseconds without a change after which a photo that is cut off is submitted as it is. */
  readonly giveUpMs: number;
}

/** Codes of what passes by itself: the file is taken again. */
const passing = ['backlog_full', 'server_busy', 'rate_limited', 'database_unavailable'];

/** Codes of errors that no other file would escape: they end the command. */
const ofAll = [
  'camera_unknown',
  'camera_required',
  'key_invalid',
  'key_missing',
  'scope_missing',
  'host_refused',
];

/** Whether an error passes by itself: the database or the API is away or busy. */
export const isPassing = (error: unknown): boolean =>
  error instanceof Unreachable || isDatabaseAway(error) || passing.includes(toWatchpostError(error).code);

/** Whether no other photo would escape an error either. */
export const isOfAll = (error: unknown): boolean => ofAll.includes(toWatchpostError(error).code);

/** Submits files of a folder, each once: a file is another one when its content was changed. */
export class FolderIntake {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  /** Whether a line of the journal is of a file that is still there. */
  static async isCurrent(folder: string, line: string): Promise<boolean> {
    const [file] = JSON.parse(line) as [string];
    return (await lineOf(folder, join(folder, file))) === line;
  }

  /**
   * Deals with a file.
   *
   * @returns undefined if it is gone.
   * @throws what has nothing to do with this file: the database or the API is away, the camera or the key is unknown.
   */
  async take(path: string): Promise<Outcome | undefined> {
    const { folder, journal } = this.#options;
    const file = relative(folder, path);
    const found = await stat(path).catch(() => undefined);
    if (!found) return undefined;
    const line = (await lineOf(folder, path)) as string;
    if (journal.has(line)) {
      await this.#move(path, this.#options.moveTo);
      return { file, state: 'known' };
    }
    const ageMs = Date.now() - found.mtimeMs;
    let outcome: Outcome;
    try {
      const bytes = await readGivenPhoto(path, this.#options.maxPixels);
      if (!isWholePhoto(bytes) && ageMs < this.#options.giveUpMs) return { file, state: 'unfinished' };
      const { id, known } = await this.#submit(file, line, bytes, found.mtime);
      outcome = { file, state: known ? 'known' : 'submitted', id };
    } catch (error) {
      if (isPassing(error) || isOfAll(error)) throw error;
      // A file without a whole header cannot be read either.
      if (ageMs < this.#options.giveUpMs) return { file, state: 'unfinished' };
      outcome = {
        file,
        state: 'refused',
        code: codeOf(error),
        message: reasonOf(error).replace(`${path}: `, ''),
      };
    }
    await journal.add(line);
    await this.#move(path, outcome.state === 'refused' ? this.#options.refusedTo : this.#options.moveTo);
    return outcome;
  }

  #submit(file: string, line: string, bytes: Buffer, changed: Date): Promise<SubmittedPhoto> {
    const { way, cameraFromFolder } = this.#options;
    const [camera, rest] = file.split(sep);
    return way.submit(bytes, basename(file), {
      ...(cameraFromFolder && rest !== undefined ? { camera } : {}),
      capturedAt: new Date(Math.min(changed.getTime(), Date.now())).toISOString(),
      // For a crash between the commit and the line of the journal.
      idempotencyKey: `watch:${createHash('sha256').update(line).update(bytes).digest('hex')}`,
    });
  }

  /** Moves a file below a folder, under the name that it has below the one that is watched, or a free one. */
  async #move(path: string, into: string | undefined): Promise<void> {
    if (into === undefined) return;
    const wanted = join(into, relative(this.#options.folder, path));
    await mkdir(dirname(wanted), { recursive: true });
    let target = wanted;
    for (let n = 2; await stat(target).catch(() => undefined); n++)
      target = `${wanted.slice(0, wanted.length - extname(wanted).length)}-${n}${extname(wanted)}`;
    await rename(path, target).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EXDEV') throw error;
      await copyFile(path, target);
      await unlink(path);
    });
  }
}

/** The line of a file in the journal; undefined if there is no such file. */
const lineOf = async (folder: string, path: string): Promise<string | undefined> => {
  const found = await stat(path).catch(() => undefined);
  return found && JSON.stringify([relative(folder, path), found.size, found.mtimeMs]);
};
