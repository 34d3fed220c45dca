import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { z } from 'zod';
import { problemOfUrl } from './database-url.ts';
import { type EncryptionSettings, parseKey } from './encryption-key.ts';
import { type LegalBasis, legalBasisNames } from './legal-bases.ts';
import { type OidcSettings, parseRole } from './oidc-settings.ts';
import { type Outgoing, parseNetwork } from './outgoing/index.ts';
import { readSecretFiles, withPassword } from './secret-files.ts';

/** How often a process sends heartbeats, and after how long without one it counts as dead. */
export interface Pulse {
  /** Milliseconds between heartbeats. */
  readonly heartbeatMs: number;
  /** Seconds; at least three heartbeats, so that a short delay does not count as death. */
  readonly deadAfterSeconds: number;
}

/**
 * The default: a dead worker's jobs are released within 26 s of its last heartbeat, because every process checks the
 * others at each of its own heartbeats.
 */
export const calmPulse: Pulse = { heartbeatMs: 5_000, deadAfterSeconds: 20 };

const wholeNumber = (min: number, max: number) =>
  z.coerce
    .number(`give a whole number from ${min} to ${max}`)
    .int(`give a whole number from ${min} to ${max}`)
    .min(min, `give a whole number from ${min} to ${max}`)
    .max(max, `give a whole number from ${min} to ${max}`);

/** A list with commas between its entries, each of which `parse` has to know; empty by default. */
const listOf = <T>(parse: (entry: string) => T | undefined, wanted: string) =>
  z
    .string()
    .default('')
    .transform((list, context) => {
      const entries = list.split(/[\s,]+/).filter(Boolean);
      const parsed = entries.map(parse).filter((entry) => entry !== undefined);
      if (parsed.length === entries.length) return parsed;
      context.addIssue({ code: 'custom', message: `give ${wanted}` });
      return z.NEVER;
    });

/** The name of a host as the header Host has it, in lower case and without its port, by which nothing is decided. */
const parseHostName = (text: string): string | undefined =>
  /^[a-z0-9._-]+(:\d{1,5})?$/i.test(text) ? text.toLowerCase().replace(/:\d+$/, '') : undefined;

/** Names of keys may have spaces, so that only commas are between the entries. */
const rolesList = z
  .string()
  .default('')
  .transform((list, context) => {
    const entries = list.split(',').filter((entry) => entry.trim() !== '');
    const roles = entries.map(parseRole).filter((role) => role !== undefined);
    if (roles.length === entries.length) return roles;
    context.addIssue({ code: 'custom', message: 'give value=key name, with commas between several' });
    return z.NEVER;
  });

/** All settings, by the name of their environment variables; those of src/secret-files.ts also with _FILE at their end. */
export const settings = z.object({
  DATABASE_URL: z
    .string()
    .refine((url) => problemOfUrl(url) === undefined, { error: ({ input }) => problemOfUrl(String(input)) })
    .optional(),
  DATABASE_PASSWORD: z.string().optional(),
  HOST: z.string().min(1, 'give an address to listen on, like 127.0.0.1').default('127.0.0.1'),
  PORT: wholeNumber(0, 65_535).default(3000),
  WATCHPOST_DATA: z.string().min(1, 'give a folder').default('.watchpost'),
  WATCHPOST_DATABASE_PORT: wholeNumber(0, 65_535).default(0),
  WATCHPOST_MODELS: z.string().min(1, 'give a folder').optional(),
  WATCHPOST_API_KEY: z
    .string()
    .min(20, 'give at least 20 characters, or leave it out and one is made')
    .optional(),
  // Two for each core: while one job uses the database or decodes, the other uses the models.
  WATCHPOST_CONCURRENCY: wholeNumber(1, 64).default(Math.min(64, 2 * availableParallelism())),
  WATCHPOST_MAX_BODY_MB: wholeNumber(1, 100).default(20),
  WATCHPOST_MAX_MEGAPIXELS: wholeNumber(1, 1000).default(64),
  WATCHPOST_MAX_BACKLOG: wholeNumber(1, 100_000_000).default(20_000),
  WATCHPOST_MAX_BACKLOG_PER_KEY: wholeNumber(1, 100_000_000).default(10_000),
  WATCHPOST_YUNET: z.string().min(1, 'give the path of an ONNX file').optional(),
  WATCHPOST_YUNET_THRESHOLD: z.coerce
    .number('give a number from 0.3 to 0.95')
    .min(0.3, 'give a number from 0.3 to 0.95')
    .max(0.95, 'give a number from 0.3 to 0.95')
    .optional(),
  WATCHPOST_OUTGOING_ALLOW: listOf(parseNetwork, 'networks or addresses, like 10.0.0.0/8,127.0.0.1'),
  WATCHPOST_PUBLIC_URL: z
    .url({
      protocol: /^https?$/,
      error: 'give the address at which people reach this installation, like https://watchpost.example',
    })
    .refine((url) => !/[?#]/.test(url), 'give an address without ? and #')
    .transform((url) => url.replace(/\/+$/, ''))
    .optional(),
  WATCHPOST_INGEST_URL: z.enum(['off', 'on'], 'give off or on').default('off'),
  WATCHPOST_HEADS_FILE: z.string().min(1, 'give a file').optional(),
  WATCHPOST_HOSTS: listOf(parseHostName, 'names of hosts, like watchpost.example,cameras.example:8443'),
  WATCHPOST_LEGAL_BASIS: z.enum(legalBasisNames, `give one of ${legalBasisNames.join(', ')}`).optional(),
  WATCHPOST_PURPOSE: z.string().trim().min(1).max(2000, 'give 2000 characters at most').optional(),
  WATCHPOST_COMPATIBILITY: z
    .string()
    .default('')
    .transform((list) => list.split(',').map((item) => item.trim()))
    .pipe(z.array(z.enum(['', 'compreface', 'deepface'], 'give compreface, deepface or both, with a comma'))),
  WATCHPOST_VECTORS: z.enum(['keep', 'give'], 'give keep or give').default('keep'),
  WATCHPOST_ENCRYPTION_KEY: z
    .string()
    .refine((text) => parseKey(text) !== undefined, 'give 32 bytes in base64 or hex')
    .optional(),
  WATCHPOST_ENCRYPTION_KEY_FILE: z.string().min(1, 'give the path of a file').optional(),
  WATCHPOST_ALIVE_FILE: z.string().min(1, 'give a file').optional(),
  WATCHPOST_OIDC_ISSUER: z
    .url({ protocol: /^https?$/, error: 'give the https address of the provider' })
    .optional(),
  WATCHPOST_OIDC_CLIENT_ID: z.string().min(1).optional(),
  WATCHPOST_OIDC_CLIENT_SECRET: z.string().min(1).optional(),
  WATCHPOST_OIDC_CLIENT_SECRET_FILE: z.string().min(1, 'give the path of a file').optional(),
  WATCHPOST_OIDC_ROLES_CLAIM: z.string().min(1, 'give the name of a claim').default('roles'),
  WATCHPOST_OIDC_ROLES: rolesList,
  WATCHPOST_HEARTBEAT_MS: wholeNumber(100, 60_000).default(calmPulse.heartbeatMs),
  WATCHPOST_DEAD_AFTER_S: wholeNumber(1, 3600).default(calmPulse.deadAfterSeconds),
  WATCHPOST_METRICS: z.enum(['off', 'loopback', 'open'], 'give off, loopback or open').default('off'),
  WATCHPOST_METRICS_PORT: wholeNumber(0, 65_535).optional(),
  OTEL_EXPORTER_OTLP_ENDPOINT: z.url('give a URL, like http://127.0.0.1:4318').optional(),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: z.url('give a URL, like http://127.0.0.1:4318/v1/traces').optional(),
  WATCHPOST_ACCESS_LOG: z.enum(['off', 'on'], 'give off or on').default('off'),
  WATCHPOST_LOG: z
    .enum(['debug', 'info', 'warn', 'error', 'silent'], 'give debug, info, warn, error or silent')
    .default('info'),
});

/** The settings as the program uses them. */
export interface Config {
  /** Postgres to use; undefined: the embedded one. */
  readonly databaseUrl: string | undefined;
  /** Address and port that the API listens on; port 0 takes a free one. */
  readonly host: string;
  readonly port: number;
  /** Absolute path of the folder for the embedded database and the API key. */
  readonly dataDir: string;
  /** Port of the embedded database on 127.0.0.1; 0 takes a free one. */
  readonly databasePort: number;
  /** Absolute path of the folder with the model weights; undefined: models/installed. */
  readonly modelsDir: string | undefined;
  /** The API key to accept; undefined: the one kept in dataDir. */
  readonly apiKey: string | undefined;
  /** Jobs that one worker process runs at a time. */
  readonly concurrency: number;
  readonly maxBodyBytes: number;
  readonly maxPixels: number;
  /** Photos that may wait to be processed before a POST is refused: in total, and of one API key. */
  readonly maxBacklog: number;
  readonly maxBacklogPerKey: number;
  /** A YuNet file to use instead of the installed detector. */
  readonly yunet: { readonly file: string; readonly threshold?: number } | undefined;
  /** How other servers are called: the networks that may be, and the address for links in messages. */
  readonly outgoing: Outgoing;
  /** Whether photos are fetched by URL. */
  readonly ingestUrl: boolean;
  /** Absolute path of the file in which a worker keeps heads of the record; undefined: none. */
  readonly headsFile: string | undefined;
  /** Absolute path of a file that a worker touches at each heartbeat that the database has taken; undefined: none. */
  readonly aliveFile: string | undefined;
  /** Names by which the API may be called, in lower case, beside addresses and names of this machine. */
  readonly hosts: readonly string[];
  /** What people and lists that are added without a legal basis or purpose get; undefined: as the database has it. */
  readonly processing: { readonly legal_basis: LegalBasis | undefined; readonly purpose: string | undefined };
  /** Whose clients have routes of their own: see docs/migrate.md. */
  readonly compatibility: readonly ('compreface' | 'deepface')[];
  /** Whether these routes may answer the vectors of faces. */
  readonly giveVectors: boolean;
  /** The key that wraps the keys by which photos are encrypted; neither: they are not. */
  readonly encryption: EncryptionSettings;
  /** Log-in to the console by OpenID Connect; undefined: by key only. */
  readonly oidc: OidcSettings | undefined;
  /** Heartbeats, and when the jobs of a process without them are given to others. */
  readonly pulse: Pulse;
  /** Who may read /metrics of the API; off: nothing is measured. */
  readonly metrics: 'off' | 'loopback' | 'open';
  /** The port on which a worker answers /metrics; 0 takes a free one, undefined: it does not. */
  readonly metricsPort: number | undefined;
  /** Whether traces are sent to a collector of OpenTelemetry, whose address and options its own variables give. */
  readonly traces: boolean;
  /** Whether each call of the API is a line of the log. */
  readonly accessLog: boolean;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent';
}

/** A setting is wrong; the message names each wrong one and the values that are allowed. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/**
 * Reads the settings from the environment. An empty variable counts as not set.
 *
 * @throws {ConfigError} naming every wrong setting.
 */
export const readConfig = (environment: Record<string, string | undefined> = process.env): Config => {
  const nonEmpty = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const { secrets, problems } = readSecretFiles(nonEmpty);
  const given: typeof nonEmpty = { ...nonEmpty, ...secrets };
  const parsed = settings.safeParse(given);
  if (!parsed.success || problems.length > 0) {
    const lines = [
      ...problems.map(({ name, problem }) => `  ${name}: ${problem}`),
      ...(parsed.error?.issues ?? []).map((issue) => {
        const name = String(issue.path[0]);
        const shown = /KEY|URL|PASSWORD|SECRET/.test(name) ? 'its value' : JSON.stringify(given[name]);
        return `  ${name}: ${shown} is not valid; ${issue.message}`;
      }),
    ];
    throw new ConfigError(`Settings come from the environment, and some are wrong:\n${lines.join('\n')}`);
  }
  const s = parsed.data;
  if (s.WATCHPOST_DEAD_AFTER_S * 1000 < s.WATCHPOST_HEARTBEAT_MS * 3) {
    throw new ConfigError(
      `WATCHPOST_DEAD_AFTER_S: ${s.WATCHPOST_DEAD_AFTER_S} s is not valid; give three heartbeats at least, of ${s.WATCHPOST_HEARTBEAT_MS} ms each (WATCHPOST_HEARTBEAT_MS)`,
    );
  }
  return {
    databaseUrl:
      s.DATABASE_URL !== undefined && s.DATABASE_PASSWORD !== undefined
        ? withPassword(s.DATABASE_URL, s.DATABASE_PASSWORD)
        : s.DATABASE_URL,
    host: s.HOST,
    port: s.PORT,
    dataDir: resolve(s.WATCHPOST_DATA),
    databasePort: s.WATCHPOST_DATABASE_PORT,
    modelsDir: s.WATCHPOST_MODELS === undefined ? undefined : resolve(s.WATCHPOST_MODELS),
    apiKey: s.WATCHPOST_API_KEY,
    concurrency: s.WATCHPOST_CONCURRENCY,
    maxBodyBytes: s.WATCHPOST_MAX_BODY_MB * 1024 * 1024,
    maxPixels: s.WATCHPOST_MAX_MEGAPIXELS * 1_000_000,
    maxBacklog: s.WATCHPOST_MAX_BACKLOG,
    maxBacklogPerKey: s.WATCHPOST_MAX_BACKLOG_PER_KEY,
    yunet:
      s.WATCHPOST_YUNET === undefined
        ? undefined
        : {
            file: resolve(s.WATCHPOST_YUNET),
            ...(s.WATCHPOST_YUNET_THRESHOLD === undefined ? {} : { threshold: s.WATCHPOST_YUNET_THRESHOLD }),
          },
    outgoing: { networks: s.WATCHPOST_OUTGOING_ALLOW, publicUrl: s.WATCHPOST_PUBLIC_URL },
    ingestUrl: s.WATCHPOST_INGEST_URL === 'on',
    headsFile: s.WATCHPOST_HEADS_FILE === undefined ? undefined : resolve(s.WATCHPOST_HEADS_FILE),
    aliveFile: s.WATCHPOST_ALIVE_FILE === undefined ? undefined : resolve(s.WATCHPOST_ALIVE_FILE),
    hosts: s.WATCHPOST_HOSTS,
    processing: { legal_basis: s.WATCHPOST_LEGAL_BASIS, purpose: s.WATCHPOST_PURPOSE },
    compatibility: s.WATCHPOST_COMPATIBILITY.filter((item) => item !== ''),
    giveVectors: s.WATCHPOST_VECTORS === 'give',
    encryption: {
      value: s.WATCHPOST_ENCRYPTION_KEY,
      file:
        s.WATCHPOST_ENCRYPTION_KEY_FILE === undefined ? undefined : resolve(s.WATCHPOST_ENCRYPTION_KEY_FILE),
    },
    oidc: oidcIn(s),
    pulse: { heartbeatMs: s.WATCHPOST_HEARTBEAT_MS, deadAfterSeconds: s.WATCHPOST_DEAD_AFTER_S },
    metrics: s.WATCHPOST_METRICS,
    metricsPort: s.WATCHPOST_METRICS_PORT,
    traces: (s.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? s.OTEL_EXPORTER_OTLP_ENDPOINT) !== undefined,
    accessLog: s.WATCHPOST_ACCESS_LOG === 'on',
    logLevel: s.WATCHPOST_LOG,
  };
};

/** @throws {ConfigError} if a part of it is missing. */
const oidcIn = (s: z.output<typeof settings>): OidcSettings | undefined => {
  if (s.WATCHPOST_OIDC_ISSUER === undefined) return undefined;
  if (s.WATCHPOST_OIDC_CLIENT_ID === undefined || s.WATCHPOST_OIDC_ROLES.length === 0) {
    throw new ConfigError(
      'WATCHPOST_OIDC_ISSUER: give WATCHPOST_OIDC_CLIENT_ID and WATCHPOST_OIDC_ROLES too; see docs/console.md',
    );
  }
  return {
    issuer: s.WATCHPOST_OIDC_ISSUER,
    clientId: s.WATCHPOST_OIDC_CLIENT_ID,
    clientSecret: s.WATCHPOST_OIDC_CLIENT_SECRET,
    clientSecretFile:
      s.WATCHPOST_OIDC_CLIENT_SECRET_FILE === undefined
        ? undefined
        : resolve(s.WATCHPOST_OIDC_CLIENT_SECRET_FILE),
    rolesClaim: s.WATCHPOST_OIDC_ROLES_CLAIM,
    roles: s.WATCHPOST_OIDC_ROLES,
  };
};

/** The settings that concern the models and photos. */
export const visionOptions = ({ maxPixels, modelsDir, yunet }: Config) => ({
  maxPixels,
  ...(modelsDir ? { modelsDirectory: modelsDir } : {}),
  ...(yunet ? { yunet } : {}),
});
