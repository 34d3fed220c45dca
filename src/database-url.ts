import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { whyUnusableFile } from './file-errors.ts';

/**
 * What DATABASE_URL may be, and how it is shown. Everything here is about the text: whether the server can be used shows
 * when it is connected to.
 */

const form =
  'give a URL like postgres://user:password@host:5432/database, with %40 for an @, %2F for a / and %23 for a # in the password';

/** node-postgres takes any other value for verify-full. */
const sslModes = ['disable', 'no-verify', 'prefer', 'require', 'verify-ca', 'verify-full'];

/** Modes that node-postgres takes for verify-full, with a warning at each start. */
const aliases = /([?&]sslmode=)(?:prefer|require|verify-ca)(?=&|$)/;

/** Parameters that name a file, and how its text is checked. */
const files = {
  sslrootcert: { check: (text: string) => new X509Certificate(text), kind: 'a certificate in PEM form' },
  sslcert: { check: (text: string) => new X509Certificate(text), kind: 'a certificate in PEM form' },
  sslkey: { check: createPrivateKey, kind: 'a private key in PEM form without a passphrase' },
} as const;

/**
 * Finds what is wrong with a URL of a database, before anything is connected to.
 *
 * @returns what to give instead, as the rest of a sentence; undefined if nothing is wrong. It has no secret in it.
 */
export const problemOfUrl = (url: string): string | undefined => {
  if (!/^postgres(ql)?:\/\//.test(url)) return form;
  const authority = url.replace(/^\w+:\/\//, '').replace(/[/?#].*$/s, '');
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const given = (name: string) => parsed?.searchParams.getAll(name).at(-1);
  if ([authority.replace(/^.*@/s, ''), given('host'), given('port')].some((part) => part?.includes(','))) {
    return 'it names several hosts, and Watchpost connects to one: give the primary, or an address that always leads to it';
  }
  if (!parsed || parsed.hash || parsed.pathname.includes('@')) return form;
  return problemOfTls(given);
};

const problemOfTls = (given: (name: string) => string | undefined): string | undefined => {
  const mode = given('sslmode');
  if (mode !== undefined && !sslModes.includes(mode)) {
    return `sslmode=${mode} is unknown; give one of ${sslModes.join(', ')} (docs/connecting.md says what each means)`;
  }
  const compatible = given('uselibpqcompat') === 'true';
  if (compatible && mode === 'verify-ca' && !given('sslrootcert')) {
    return 'sslmode=verify-ca needs sslrootcert with the certificate of the authority that signed the server’s';
  }
  for (const [name, { check, kind }] of Object.entries(files)) {
    const file = given(name);
    const problem = file && problemOfFile(file, check, kind);
    if (problem) return `${name}=${file}: ${problem}`;
  }
  return undefined;
};

const problemOfFile = (file: string, check: (text: string) => unknown, kind: string): string | undefined => {
  if (file === 'system') return 'leave it out to trust the authorities that Node trusts, or give a file';
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    return `${whyUnusableFile(error) ?? 'it cannot be read'}; give a file that can be read`;
  }
  try {
    check(text);
    return undefined;
  } catch {
    return `there is no ${kind.replace(/^an? /, '')} in it; give ${kind}`;
  }
};

/**
 * The URL as it is given to the driver. `prefer`, `require` and `verify-ca` mean `verify-full` to it, and it prints a
 * warning of five lines about that unless `uselibpqcompat=true` asks for what libpq means by them.
 */
export const driverUrl = (url: string): string =>
  /[?&]uselibpqcompat=true(?:&|$)/.test(url) ? url : url.replace(aliases, '$1verify-full');

/**
 * Hides the passwords of all URLs in a text: `user:password@` and parameters like `password=` and `sslpassword=`. For
 * whatever shows a URL, or passes on an error that may quote one.
 */
export const hideSecrets = (text: string): string =>
  text
    .replace(/(\w:\/\/[^\s:/?#@]*):[^\s/?#]*@/g, '$1:***@')
    .replace(/([?&]([^=&\s]+)=)[^&\s#'"]*/g, (all, start: string, name: string) =>
      /pass|secret/i.test(decode(name)) ? `${start}***` : all,
    );

const decode = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};

/** Whether a password comes with a URL or by PGPASSWORD. */
export const hasPassword = (url: string): boolean => {
  const { password, searchParams } = new URL(url);
  return Boolean(password || searchParams.get('password') || process.env.PGPASSWORD);
};
