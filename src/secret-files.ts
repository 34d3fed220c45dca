import { readFileSync } from 'node:fs';
import { whyUnusableFile } from './file-errors.ts';

/**
 * Settings that are secrets. Each can be given as a file, in NAME_FILE, as Docker, Kubernetes and systemd hand secrets out:
 * what is in the environment can be read by more processes, and ends in more logs. The encryption key, which is read by
 * commands that change it, has its own (src/encryption-key.ts).
 */
export const secretSettings = ['DATABASE_URL', 'DATABASE_PASSWORD', 'WATCHPOST_API_KEY'] as const;

/** A setting that names a file, and what is wrong with it, as a sentence without the secret. */
interface SecretProblem {
  readonly name: string;
  readonly problem: string;
}

/**
 * The environment with the contents of the files of secrets, without the line break at their end.
 *
 * @returns the secrets that are in files, and a problem for each that cannot be used.
 */
export const readSecretFiles = (
  given: Record<string, string | undefined>,
): { secrets: Record<string, string>; problems: SecretProblem[] } => {
  const secrets: Record<string, string> = {};
  const problems: SecretProblem[] = [];
  for (const setting of secretSettings) {
    const name = `${setting}_FILE`;
    const file = given[name];
    if (file === undefined) continue;
    if (given[setting] !== undefined)
      problems.push({ name, problem: `${setting} is set too; give one of them` });
    else {
      try {
        const secret = readFileSync(file, 'utf8').replace(/\r?\n$/, '');
        if (secret === '') problems.push({ name, problem: `${file} is empty` });
        else secrets[setting] = secret;
      } catch (error) {
        problems.push({
          name,
          problem: `${file} cannot be read: ${whyUnusableFile(error) ?? String(error)}`,
        });
      }
    }
  }
  return { secrets, problems };
};

/** A URL of a database with a password in place of its own. */
export const withPassword = (url: string, password: string): string => {
  const parsed = new URL(url);
  // A URL without a host, for a socket, cannot have one before it.
  if (parsed.host === '') parsed.searchParams.set('password', password);
  else parsed.password = encodeURIComponent(password);
  return parsed.href;
};
