import { type Command, InvalidArgumentError } from 'commander';
import { CommandError } from '../errors.ts';
import { type Scope, scopes } from '../http/key.ts';
import {
  changeKey,
  createKey,
  findKey,
  type KeyChanges,
  type KeyStatus,
  type NewKey,
  readKeys,
  revokeKey,
  rotateKey,
} from '../http/key-store.ts';
import { connect } from './program/connect.ts';
import { forEach } from './program/each.ts';
import { type Io, print, printJson } from './program/io.ts';
import {
  duration,
  keyLimitOption,
  momentOrDuration,
  named,
  searched,
  severalSearched,
} from './program/options.ts';
import type { AddCommand } from './program/session.ts';
import { printRows } from './program/table.ts';

/** key: who may call the API. */
export const keyCommand: AddCommand = (program, session) => {
  const key = program.command('key').description('API keys: who may call the API, and what they may do');
  for (const add of [keyCreate, keyList, keyChange, keyRotate, keyRevoke]) add(key, session);
};

interface CreateOptions {
  readonly scope: Scope[];
  readonly site: string[];
  readonly camera: string[];
  readonly list: string[];
  readonly expires?: string;
  readonly rate?: number;
  readonly streams?: number;
  readonly backlog?: number;
  readonly json?: boolean;
}

const withLimits = (command: Command): Command =>
  command
    .option(
      '--rate <number>',
      'calls a minute, at all API processes together (default: any number)',
      keyLimitOption,
    )
    .option('--streams <number>', 'streams that it may have open (default: 20)', keyLimitOption)
    .option(
      '--backlog <number>',
      'its photos that may wait (default: WATCHPOST_MAX_BACKLOG_PER_KEY)',
      keyLimitOption,
    );

const keyCreate: AddCommand = (key, session) =>
  withLimits(
    key
      .command('create')
      .description('Make a key and print it; it is never shown again')
      .argument('<name>', 'what the record calls it; stays taken for ever', named)
      .option(
        '--scope <word>',
        `what it may do: ${scopes.join(', ')} (default: submit and read); may be repeated`,
        severalScopes,
        [],
      )
      .option('--site <name>', 'this site only; may be repeated', severalSearched, [])
      .option('--camera <name>', 'photos of this camera only; may be repeated', severalSearched, [])
      .option('--list <name>', 'this watchlist only; may be repeated', severalSearched, [])
      .option(
        '--expires <when>',
        'a length of time like 90d, or a time like 2027-01-31T00:00:00Z',
        momentOrDuration,
      ),
  )
    .option('--json', 'print JSON')
    .action(
      session.action(async (context, name: string, options: CreateOptions) => {
        const { io } = context;
        const { db } = await connect(context);
        const made = await db.transaction().execute((trx) => createKey(trx, { name, ...fieldsOf(options) }));
        if (options.json) return printJson(io, made);
        print(io, `${made.name}  ${made.id}  ${made.scopes.join(', ')}${until(made.expires_at)}`);
        showKey(io, made.key);
      }),
    );

const severalScopes = (word: string, before: Scope[]): Scope[] => {
  const scope = scopes.find((one) => one === word);
  if (!scope) throw new InvalidArgumentError(`Give one of ${scopes.join(', ')}.`);
  return [...before, scope];
};

const fieldsOf = (options: CreateOptions): Omit<NewKey, 'name'> => ({
  scopes: options.scope.length > 0 ? options.scope : undefined,
  sites: options.site,
  cameras: options.camera,
  watchlists: options.list,
  expires_at: options.expires,
  rate_per_minute: options.rate,
  max_streams: options.streams,
  max_backlog: options.backlog,
});

const until = (end: Date | null): string => (end ? `, until ${end.toISOString()}` : '');

/** The key goes to stdout, for scripts; the advice does not. */
const showKey = (io: Io, key: string): void => {
  print(io, `key  ${key}`);
  io.stderr.write('Keep it now: it is never shown again.\n');
};

const keyList: AddCommand = (key, session) =>
  key
    .command('list')
    .description('Every key with what it may do and when it was last used; never the key itself')
    .option('--json', 'print JSON')
    .action(
      session.action(async (context, options: { json?: boolean }) => {
        const { db } = await connect(context);
        printRows(context.io, await readKeys(db), { ...options, none: 'no API keys', columns: columnsOf });
      }),
    );

/** The options of `change`; false: the option that lifts it was given. */
interface ChangeOptions {
  readonly rate?: number | false;
  readonly streams?: number | false;
  readonly backlog?: number | false;
  readonly expires?: string | false;
  readonly site?: string[] | false;
  readonly camera?: string[] | false;
  readonly list?: string[] | false;
  readonly json?: boolean;
}

const keyChange: AddCommand = (key, session) =>
  key
    .command('change')
    .description('Change the limits, the bounds and the end of a key; API processes follow within 5 seconds')
    .argument('<name>', 'name or id', searched)
    .option('--rate <number>', 'calls a minute, at all API processes together', keyLimitOption)
    .option('--no-rate', 'any number of calls')
    .option('--streams <number>', 'streams that it may have open', keyLimitOption)
    .option('--no-streams', 'as many streams as the settings say')
    .option('--backlog <number>', 'its photos that may wait', keyLimitOption)
    .option('--no-backlog', 'as many waiting photos as the settings say')
    .option('--expires <when>', 'a length of time from now like 90d, or a time', momentOrDuration)
    .option('--no-expires', 'it does not expire')
    .option('--site <name>', 'this site only; may be repeated', severalSearched)
    .option('--no-site', 'all sites')
    .option('--camera <name>', 'photos of this camera only; may be repeated', severalSearched)
    .option('--no-camera', 'all cameras of its sites')
    .option('--list <name>', 'this watchlist only; may be repeated', severalSearched)
    .option('--no-list', 'all lists of its sites')
    .option('--json', 'print JSON')
    .action(
      session.action(async (context, name: string, { json, ...options }: ChangeOptions) => {
        if (Object.keys(options).length === 0) {
          throw new CommandError('Say what to change: "watchpost key change --help" lists what can be.');
        }
        const { db } = await connect(context);
        const id = await findKey(db, name);
        const changed = await db.transaction().execute((trx) => changeKey(trx, id, changesOf(options)));
        if (json) return printJson(context.io, changed);
        printRows(context.io, [changed], { none: '', columns: columnsOf });
      }),
    );

const changesOf = (options: Omit<ChangeOptions, 'json'>): KeyChanges => {
  const orNull = <T>(given: T | false | undefined): T | null | undefined => (given === false ? null : given);
  return {
    sites: orNull(options.site),
    cameras: orNull(options.camera),
    watchlists: orNull(options.list),
    expires_at: orNull(options.expires),
    rate_per_minute: orNull(options.rate),
    max_streams: orNull(options.streams),
    max_backlog: orNull(options.backlog),
  };
};

const columnsOf = (key: KeyStatus) => ({
  name: key.name,
  state: key.state,
  scopes: key.scopes.join(', '),
  bound_to:
    [counted(key.sites, 'site'), counted(key.cameras, 'camera'), counted(key.watchlists, 'list')]
      .filter(Boolean)
      .join(', ') || 'nothing',
  rate: key.rate_per_minute,
  streams: key.max_streams,
  backlog: key.max_backlog,
  expires_at: key.expires_at,
  last_used_at: key.last_used_at,
  id: key.id,
});

const counted = (ids: readonly string[] | null, what: string): string =>
  ids === null ? '' : `${ids.length} ${what}${ids.length === 1 ? '' : 's'}`;

const keyRotate: AddCommand = (key, session) =>
  key
    .command('rotate')
    .description('Give a key a new secret and print it; it is never shown again')
    .argument('<name>', 'name or id', searched)
    .option(
      '--overlap <time>',
      'how long the old one is valid too, like 24h; 0s ends it at once',
      duration,
      86_400,
    )
    .option('--json', 'print JSON')
    .action(
      session.action(async (context, name: string, options: { overlap: number; json?: boolean }) => {
        const { io } = context;
        const { db } = await connect(context);
        const id = await findKey(db, name);
        const rotated = await db.transaction().execute((trx) => rotateKey(trx, id, options.overlap));
        if (options.json) return printJson(io, rotated);
        print(io, `${name}: the one before is valid until ${rotated.previous_until.toISOString()}`);
        showKey(io, rotated.key);
      }),
    );

const keyRevoke: AddCommand = (key, session) =>
  key
    .command('revoke')
    .description('Revoke keys for good; API processes refuse them within 5 seconds')
    .argument('<name...>', 'names or ids', severalSearched)
    .action(
      session.action(async (context, names: string[]) => {
        const { db } = await connect(context);
        return forEach(context.io, names, async (name) => {
          await revokeKey(db, await findKey(db, name));
          print(context.io, `${name} is revoked`);
        });
      }),
    );
