import { readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** What a program installs beside the client; types of anything else have to be copied. */
const installed = /^hono(\/|$)/;

const imports = /import\("([^"]+)"\)\.(\w+)/g;
/** From a declaration to the next one, or the end. */
const statements =
  /^(?:export )?(?:declare )?(?:const|type|interface) (\w+).*?(?=^(?:export|declare|import|\/\*\*|type|interface) ?|$(?!.))/gms;

/**
 * Makes one file of declarations: what it refers to in other files, and that in turn, is copied to its end, so that whoever
 * compiles it needs neither those files nor the packages that they import.
 *
 * @param entry a declaration file as tsc has written it, with others beside it.
 * @throws {Error} if it refers to a type of a package that is not installed with it.
 */
export const bundleDeclarations = (entry: string): string => {
  const copied = new Map<string, string>();
  const files = new Map<string, Map<string, string>>();
  const root = dirname(entry);

  const statementsOf = (file: string): Map<string, string> => {
    const known = files.get(file);
    if (known) return known;
    const found = new Map(
      [...readFileSync(file, 'utf8').matchAll(statements)].map(([text, name]) => [name as string, text]),
    );
    files.set(file, found);
    return found;
  };

  /** Copies a statement under a name that no other file has, and returns that name. */
  const copy = (file: string, name: string): string => {
    const statement = statementsOf(file).get(name);
    const where = relative(root, file);
    if (statement === undefined) throw new Error(`${where} declares no ${name} that the client could have.`);
    const unique = `${where.replace(/\.d\.ts$/, '').replace(/\W+/g, '_')}_${name}`;
    if (copied.has(unique)) return unique;
    copied.set(unique, '');
    const own = statement
      .replace(/^export /, '')
      .replace(/\b[A-Za-z_]\w*\b/g, (word) => (word === name ? unique : declared(file, word)))
      .replace(imports, (_, module, type) => resolve(file, module, type));
    copied.set(unique, own.trim());
    return unique;
  };

  const declared = (file: string, word: string): string =>
    statementsOf(file).has(word) ? copy(file, word) : word;

  const resolve = (file: string, module: string, type: string): string => {
    if (installed.test(module)) return `import("${module}").${type}`;
    if (!module.startsWith('.'))
      throw new Error(`${relative(root, file)} has ${type} of ${module} in an answer.`);
    return copy(join(dirname(file), module.replace(/\.ts$/, '.d.ts')), type);
  };

  const text = readFileSync(entry, 'utf8').replace(imports, (_, module, type) =>
    resolve(entry, module, type),
  );
  return [text.trim(), ...copied.values()].join('\n');
};
