import { InvalidArgumentError } from 'commander';
import { capturedAt } from '../../captured-at.ts';

/** Parsers of options: each says what would be right. */

const number =
  (what: string, good: (value: number) => boolean) =>
  (text: string): number => {
    const value = Number(text);
    if (text.trim() === '' || !good(value)) throw new InvalidArgumentError(`Give ${what}.`);
    return value;
  };
export const similarity = number('a number from 0 to 1', (value) => value >= 0 && value <= 1);
export const position = number('a whole number from 1', (value) => Number.isInteger(value) && value >= 1);
export const seconds = number(
  'a number of seconds, 0 or more',
  (value) => value >= 0 && Number.isFinite(value),
);
export const time = (text: string): string => {
  const parsed = capturedAt.safeParse(text);
  if (!parsed.success) throw new InvalidArgumentError(`${parsed.error.issues[0]?.message}.`);
  return text;
};
export const several = (value: string, before: string[]): string[] => [...before, value];
export const identifier = (text: string): string => {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text))
    throw new InvalidArgumentError('Give a UUID.');
  return text.toLowerCase();
};
