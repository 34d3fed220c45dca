import { CsvError } from 'csv-parse/sync';
import { z } from 'zod';
import { toWatchpostError } from '../convert-error.ts';
import { type ProblemCode, WatchpostError } from '../errors.ts';
import { codeOf, name, storedTime } from '../fields.ts';
import { whyUnusableFile } from '../file-errors.ts';
import { acceptable } from '../watchlist/enrolment.ts';
import type { Manifest } from './manifest.ts';

/** A photo that is to enrol somebody. */
export interface PhotoSource {
  /** Path, as messages name it. */
  readonly file: string;
  /** Counted from 1, left to right. */
  readonly face: number | undefined;
  readonly accept: readonly string[];
}

/** A person with their photos, as a source has them. */
export interface PersonSource {
  /** Their place in the source: a folder, or a row of a file. */
  readonly at: string;
  /** The name of their folder, by which a manifest refers to them; undefined for a row of a file. */
  readonly key?: string;
  readonly name: string;
  readonly external_ref: string | undefined;
  readonly metadata: Record<string, unknown>;
  /** Undefined: the installation's default. */
  readonly legal_basis?: string | undefined;
  /** When they are to be deleted; null or undefined: not said. */
  readonly keep_until?: string | null | undefined;
  /** When they were added; undefined: now. */
  readonly created_at?: string | undefined;
  readonly watchlists: readonly EntrySource[];
  readonly photos: readonly PhotoSource[];
}

/** A list that a person is on. */
interface EntrySource {
  readonly name: string;
  /** When they were put on it; undefined: now. */
  readonly created_at?: string | undefined;
}

/** Something that could not be imported, and why. */
export interface Refusal {
  readonly file: string;
  readonly person: string | null;
  readonly code: ProblemCode;
  readonly message: string;
}

/** What a source holds. */
export interface Source {
  readonly people: readonly PersonSource[];
  readonly refused: readonly Refusal[];
  /** Files and folders that are neither photos nor people. */
  readonly ignored: readonly string[];
  /** Of an export: cameras, lists and what connects the people. */
  readonly manifest?: Manifest;
}

/** Codes of the gate. */
export const codes = z.array(z.enum(acceptable));
/** A face of a photo, counted from 1. */
export const position = z.int().min(1).max(1000);
/** A list by its name, or with the time since when a person is on it. */
export const entry = z.union([
  name.transform((list): EntrySource => ({ name: list })),
  z.strictObject({ name, created_at: storedTime.optional() }),
]);

/** The error of a file that cannot be read or understood. */
export const fileError = (file: string, error: unknown): WatchpostError => {
  if (error instanceof WatchpostError) return error;
  if (error instanceof z.ZodError) {
    const misfits = error.issues.map((issue) =>
      [issue.path.join('.'), issue.message].filter(Boolean).join(': '),
    );
    const code = error.issues.map(codeOf).find(Boolean) ?? 'import_invalid';
    return new WatchpostError(code, `${misfits.join('. ')}.`, { cause: error });
  }
  if (error instanceof Error && 'syscall' in error) {
    const why = whyUnusableFile(error) ?? error.message;
    return new WatchpostError('file_unreadable', `${file} cannot be read: ${why}.`, { cause: error });
  }
  if (error instanceof SyntaxError || error instanceof CsvError) {
    return new WatchpostError('import_invalid', `${file} cannot be understood: ${error.message}.`, {
      cause: error,
    });
  }
  return toWatchpostError(error);
};

/** The same as an entry of the report. */
export const refusalOf = (file: string, person: string | null, error: unknown): Refusal => {
  const { code, message } = fileError(file, error);
  return { file, person, code, message };
};
