import { readdir, readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { toWatchpostError } from '../src/convert-error.ts';
import { describeAway, isDatabaseAway } from '../src/database-errors.ts';
import { endOf, type ProblemCode, problems } from '../src/errors.ts';
import { VisionError } from '../src/vision/index.ts';

const fromDatabase = (code: string, message: string, hint?: string) =>
  Object.assign(new Error(message), { code, hint });

describe('the table of errors', () => {
  it('has exactly the SQLSTATEs that the SQL files raise', async () => {
    const folder = new URL('../sql/', import.meta.url);
    const files = (await readdir(folder, { recursive: true })).filter((file) => file.endsWith('.sql'));
    const texts = await Promise.all(files.map((file) => readFile(new URL(file, folder), 'utf8')));
    const raised = texts.flatMap((text) =>
      [...text.matchAll(/errcode = '(WP\d{3})'/g)].map(([, code]) => code),
    );
    const known = Object.values(problems).flatMap((problem) =>
      'sqlstate' in problem ? [problem.sqlstate] : [],
    );
    expect(known.toSorted()).toEqual([...new Set(raised)].toSorted());
  });

  it("ends a job as refused by every code of a photo's own fault", () => {
    const ofPhotos = Object.keys(problems).filter((code) =>
      /^(image|face|faces)_/.test(code),
    ) as ProblemCode[];
    const retried = ofPhotos.filter((code) => endOf(code) !== 'refused');
    // These are answers to calls, with which no job fails.
    expect(retried).toEqual(['image_unknown', 'face_unknown', 'image_unchangeable', 'face_taken']);
  });

  it.each(['database_unavailable', 'delivery_failed', 'model_missing', 'internal'] as const)(
    'retries after %s',
    (code) => {
      expect(endOf(code)).toBeUndefined();
    },
  );

  it('makes a dead letter at once of an event that no attempt can understand', () => {
    const failed = (Object.keys(problems) as ProblemCode[]).filter((code) => endOf(code) === 'failed');
    expect(failed).toEqual(['payload_invalid']);
  });

  it('gives errors of the database functions their code, sentence and hint', () => {
    const error = toWatchpostError(fromDatabase('WP002', "There is no camera 'x'.", 'Cameras: gate.'));
    expect(error).toMatchObject({
      code: 'camera_unknown',
      message: "There is no camera 'x'.",
      hint: 'Cameras: gate.',
    });
  });

  it('gives errors of the vision code their code and sentence', () => {
    const error = toWatchpostError(new VisionError('image_corrupt', 'It is cut short.'));
    expect(error).toMatchObject({ code: 'image_corrupt', message: 'It is cut short.' });
  });

  it('hides the message of an unknown error, and keeps it as the cause', () => {
    const cause = new Error('select secret from vault');
    const error = toWatchpostError(cause);
    expect(error).toMatchObject({ code: 'internal', cause });
    expect(error.message).not.toContain('secret');
  });

  it.each([
    'ECONNREFUSED',
    'ECONNRESET',
    'EHOSTUNREACH',
    'ENETUNREACH',
    'ENOTFOUND',
    '08006',
    '25006',
    '57P01',
    '57P03',
    '53300',
  ])('recognises by %s that the database is unavailable', (code) => {
    expect(isDatabaseAway(fromDatabase(code, 'gone'))).toBe(true);
    expect(toWatchpostError(fromDatabase(code, 'gone')).code).toBe('database_unavailable');
  });

  it.each([
    ['53300', 'The database has no connection left.', 'the database has no connection left; trying again'],
    ['53100', 'The disk of the database is full.', 'the disk of the database is full; trying again'],
    ['57P01', 'The database cannot be reached.', 'the database is away; trying again until it is back'],
  ])('says by %s what is the matter with the database', (code, sentence, line) => {
    expect(toWatchpostError(fromDatabase(code, 'gone')).message).toBe(sentence);
    expect(describeAway(fromDatabase(code, 'gone'))).toBe(line);
  });

  it.each(['22003', '22008', '22009', '22015', '22P02', '22021', '23514', '54000'])(
    'converts %s to value_invalid, without its message',
    (code) => {
      const error = toWatchpostError(fromDatabase(code, 'index row size 4000'));
      expect(error.code).toBe('value_invalid');
      expect(error.message).not.toContain('index');
    },
  );

  it.each(['23503', '23505', '40P01', '40001'])('converts %s to changed_meanwhile', (code) => {
    expect(toWatchpostError(fromDatabase(code, 'key "x"')).code).toBe('changed_meanwhile');
  });

  it.each(['23505', '42P01', '40P01', 'ENOENT'])('does not count %s as unavailable', (code) => {
    expect(isDatabaseAway(fromDatabase(code, 'here'))).toBe(false);
  });
});
