import { toWatchpostError } from '../convert-error.ts';
import { hasPassword, hideSecrets } from '../database-url.ts';
import { UnusableServer } from './unusable-server.ts';

/** Why a database cannot be used: a sentence, and what to do. Without secrets. */
export interface Refusal {
  readonly reason: string;
  readonly remedy: string;
}

/** What a failure to connect may be recognised by, and where DATABASE_URL leads. */
interface Failure {
  readonly code: string;
  readonly message: string;
  /** `host:port`, or the path of a socket. */
  readonly place: string;
  readonly user: string;
  readonly database: string;
  readonly hasPassword: boolean;
}

type Rule = readonly [
  is: (failure: Failure) => boolean,
  reason: (failure: Failure) => string,
  remedy: (failure: Failure) => string,
];

const coded =
  (...codes: string[]) =>
  ({ code }: Failure) =>
    codes.includes(code);
const saying =
  (words: RegExp) =>
  ({ message }: Failure) =>
    words.test(message);

const certificates = 'Set sslrootcert to the certificate of the authority that signed it';
const withoutCheck = 'or sslmode=no-verify to encrypt without knowing whom the server is';

/** The first that fits. The texts are those of the driver, of Node and of Postgres in English; codes come first. */
const rules: readonly Rule[] = [
  [
    coded('ECONNREFUSED'),
    ({ place }) => `Nothing listens at ${place} (ECONNREFUSED).`,
    () => 'Start the server, or correct the host and the port in DATABASE_URL.',
  ],
  [
    coded('ENOTFOUND', 'EAI_AGAIN'),
    ({ place, code }) => `The name of the host in ${place} is not known (${code}).`,
    () => 'Correct the host in DATABASE_URL, or see to the name service.',
  ],
  [
    (failure) => coded('ENOENT', 'EACCES')(failure) && failure.place.startsWith('/'),
    ({ place, code }) =>
      code === 'ENOENT' ? `There is no socket ${place}.` : `This user may not open ${place}.`,
    () => 'Start the server, or correct the host and the port in DATABASE_URL.',
  ],
  [
    (failure) => coded('ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH')(failure) || saying(/timeout/i)(failure),
    ({ place }) => `${place} does not answer.`,
    () => 'Check the host in DATABASE_URL, the network and firewalls between here and there.',
  ],
  [
    saying(/client password must be a (non-empty )?string|no password supplied/),
    ({ user }) => `The server asks for the password of ${user}, and there is none.`,
    () => 'Add it to DATABASE_URL (postgres://user:password@host…), or set PGPASSWORD.',
  ],
  [
    (failure) => failure.code === '28P01' && !failure.hasPassword,
    ({ user }) => `The server asks for the password of ${user}, and there is none.`,
    () => 'Add it to DATABASE_URL (postgres://user:password@host…), or set PGPASSWORD.',
  ],
  [
    coded('28P01'),
    ({ user }) => `The server refuses the password of ${user}.`,
    () => 'Correct user and password; in a URL an @ is written %40, a / %2F, a # %23 and a % %25.',
  ],
  [
    coded('28000'),
    ({ message }) => `The server lets nobody in like this: ${message}.`,
    () => 'Correct the user and sslmode in DATABASE_URL, or pg_hba.conf of the server.',
  ],
  [
    coded('3D000'),
    ({ database }) => `There is no database ${database}.`,
    ({ database }) => `Create it (create database "${database}"), or correct its name in DATABASE_URL.`,
  ],
  [
    saying(/does not support SSL/),
    () => 'The server offers no TLS, which sslmode in DATABASE_URL asks for.',
    () => 'Set ssl = on and a certificate in the server, or use sslmode=disable.',
  ],
  [
    coded('ERR_TLS_CERT_ALTNAME_INVALID'),
    ({ place }) => `The certificate of the server is not for the host in ${place}.`,
    () => `Use the name that the certificate has, ${withoutCheck}.`,
  ],
  [
    coded('CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID'),
    () => 'The certificate of the server is not valid at this time.',
    () => 'Renew it, or set the clock of this machine.',
  ],
  [
    saying(/certificate|self.signed/i),
    () => 'The certificate of the server is signed by nobody whom this machine trusts.',
    () => `${certificates}, ${withoutCheck}.`,
  ],
  [
    saying(/Connection terminated unexpectedly|ECONNRESET|socket disconnected/),
    ({ place }) => `${place} closed the connection without an answer.`,
    () => 'Check that Postgres listens there, and whether it wants TLS (sslmode in DATABASE_URL).',
  ],
  [
    coded('57P03'),
    ({ message }) => `The server takes no connection yet: ${message}.`,
    () => 'Try again in a moment.',
  ],
];

/**
 * Why a database could not be connected to.
 *
 * @param error what the driver or the check of a new connection threw.
 */
export const refusalOf = (error: unknown, url: string): Refusal => {
  if (error instanceof UnusableServer) return { reason: error.message, remedy: error.remedy };
  const failure = describe(error, url);
  const rule = rules.find(([is]) => is(failure));
  if (rule) return { reason: hideSecrets(rule[1](failure)), remedy: rule[2](failure) };
  const known = toWatchpostError(error);
  const remedy = known.hint ?? 'Check that it runs, and DATABASE_URL.';
  const own = known.code === 'database_unavailable' && known.hint !== undefined;
  return { reason: own ? known.message : hideSecrets(sentence(failure.message)), remedy };
};

const describe = (error: unknown, url: string): Failure => {
  const { code = '', message = '' } = error as { code?: string; message?: string };
  // All addresses of a name were refused: the errors of each are within.
  const [inner] = error instanceof AggregateError ? error.errors : [];
  const { hostname, port, pathname, username, searchParams } = new URL(url);
  const host = searchParams.get('host') || decodeURIComponent(hostname) || 'localhost';
  const number = searchParams.get('port') || port || '5432';
  const user = searchParams.get('user') || decodeURIComponent(username) || process.env.USER || 'this user';
  return {
    code: String(code || inner?.code || ''),
    message: message || inner?.message || String(error),
    place: host.startsWith('/') ? `${host}/.s.PGSQL.${number}` : `${host}:${number}`,
    user,
    database: decodeURIComponent(pathname.slice(1)) || user,
    hasPassword: hasPassword(url),
  };
};

const sentence = (text: string): string =>
  `${text.charAt(0).toUpperCase()}${text.slice(1)}`.replace(/\.?$/, '.');
