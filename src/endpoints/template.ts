import Mustache from 'mustache';
import { WatchpostError } from '../errors.ts';
import { limits } from '../limits.ts';

/** What a template may name. */
export type View = Readonly<Record<string, string | undefined>>;

/** What is not escaped, partials, and other delimiters: as watchpost.is_template. */
const refused = /\{\{\s*[{&>=]/;

/**
 * Tests a template, as a whole.
 *
 * @throws {WatchpostError} template_invalid.
 */
export const assertTemplate = (template: string): void => {
  const { min, max } = limits.templateCharacters;
  if ([...template].length < min || [...template].length > max)
    throw new WatchpostError('template_invalid', `A template has ${min} to ${max} characters.`);
  if (refused.test(template))
    throw new WatchpostError('template_invalid', 'A template may not have {{{, {{&, {{> and {{=.');
  try {
    Mustache.parse(template);
  } catch (error) {
    const [words] = (error as Error).message.split('\n', 1);
    throw new WatchpostError('template_invalid', `The template cannot be read: ${words}.`);
  }
};

/** A template filled in. One that cannot be read, which a row may have, is replaced by the usual one. */
export const fill = (
  template: string | null,
  usual: string,
  view: View,
  escaping: (text: string) => string,
): string => {
  const render = (of: string) =>
    Mustache.render(of, view, {}, { escape: (value) => escaping(String(value)) });
  if (template === null || refused.test(template)) return render(usual);
  try {
    return render(template);
  } catch {
    return render(usual);
  }
};
