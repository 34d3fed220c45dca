import Mustache from 'mustache';
import { WatchpostError } from '../errors.ts';
import { limits } from '../limits.ts';
import { nearestName } from '../nearest-name.ts';

/** What a template may name, as watchpost.template_names(): docs/alerts-out.md. */
export const templateNames = [
  ...['person', 'external_ref', 'watchlist', 'severity', 'similarity', 'camera', 'location', 'zone', 'place'],
  ...['time', 'first_seen', 'sightings', 'type', 'alert_id', 'link'],
] as const;

/** What a template is filled in with. */
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
  for (const name of namesIn(parse(template))) {
    if ((templateNames as readonly string[]).includes(name)) continue;
    const nearest = nearestName(name, templateNames);
    throw new WatchpostError(
      'template_invalid',
      `A template cannot name ${JSON.stringify(name)}: ${nearest ? `${nearest} was probably meant` : 'there is no such thing'}.`,
      { hint: `It may name: ${templateNames.join(', ')}.` },
    );
  }
};

const parse = (template: string): Mustache.TemplateSpans => {
  try {
    return Mustache.parse(template);
  } catch (error) {
    const [words] = (error as Error).message.split('\n', 1);
    throw new WatchpostError('template_invalid', `The template cannot be read: ${words}.`);
  }
};

/** The names in a template; {{.}}, the value of the section around it, is none there. */
const namesIn = (spans: Mustache.TemplateSpans, isWithin = false): string[] =>
  spans.flatMap(([type, name, , , inner]) => {
    const own = type === 'text' || type === '!' || (isWithin && name === '.') ? [] : [name];
    return Array.isArray(inner) ? [...own, ...namesIn(inner, true)] : own;
  });

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
