import pg from 'pg';
import { CommandError } from '../../errors.ts';

/**
 * What may stand in SQL and hold a colon that is not of a variable: strings, names in quotes, comments, dollar quotes and
 * casts; and the variables, of which the groups `value` and `name` have the names.
 */
const pieces =
  /[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|\$(?<tag>[A-Za-z_]\w*)?\$[\s\S]*?\$\k<tag>\$|::|:'(?<value>\w+)'|:"(?<name>\w+)"/g;

/**
 * Fills in the variables of a text of SQL as psql does: `:'name'` becomes a value in quotes, `:"name"` the name of
 * something in the database.
 *
 * @throws {CommandError} naming those that were not given, or were given and do not occur.
 */
export const fillVariables = (text: string, given: Readonly<Record<string, string>>): string => {
  const asked = new Set<string>();
  const filled = text.replace(pieces, (piece, ...rest) => {
    const { value, name } = rest.at(-1) as { value?: string; name?: string };
    const variable = value ?? name;
    if (variable === undefined) return piece;
    asked.add(variable);
    const content = given[variable] ?? '';
    return value === undefined ? pg.escapeIdentifier(content) : pg.escapeLiteral(content);
  });
  const missing = [...asked].filter((name) => !Object.hasOwn(given, name));
  if (missing.length > 0) {
    throw new CommandError(
      `A value is missing for ${missing.join(', ')}: add ${missing.map((name) => `-v ${name}=VALUE`).join(' ')}.`,
    );
  }
  const unused = Object.keys(given).filter((name) => !asked.has(name));
  if (unused.length > 0) {
    const known = asked.size > 0 ? `its variables are ${[...asked].join(', ')}` : 'it has no variables';
    throw new CommandError(`The SQL has no variable ${unused.join(', ')}: ${known}.`);
  }
  return filled;
};
