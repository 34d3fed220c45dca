import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { InvalidArgumentError, Option } from 'commander';
import {
  changeEndpoint,
  findEndpoint,
  readDeliveries,
  readEndpoints,
  rotateSecret,
} from '../endpoints/endpoints.ts';
import { type KindName, kindNames } from '../endpoints/kinds/kind.ts';
import { addEndpoint } from '../endpoints/new-endpoint.ts';
import { testEndpoint } from '../endpoints/test-endpoint.ts';
import { CommandError } from '../errors.ts';
import { limits } from '../limits.ts';
import { connect } from './program/connect.ts';
import { forEach } from './program/each.ts';
import { type Input, print } from './program/io.ts';
import {
  identifier,
  named,
  positionOption,
  searched,
  seconds,
  severalSearched,
  severities,
} from './program/options.ts';
import type { AddCommand } from './program/session.ts';
import { printRows } from './program/table.ts';

/** endpoint: where alerts are delivered to, by signed POSTs. */
export const endpointCommand: AddCommand = (program, session) => {
  const endpoint = program.command('endpoint').description('Endpoints that alerts are delivered to');
  for (const add of [
    endpointAdd,
    endpointList,
    endpointTest,
    endpointRotate,
    endpointEnable,
    endpointDisable,
    endpointRemove,
    endpointDeliveries,
  ])
    add(endpoint, session);
};

interface AddOptions {
  readonly kind?: KindName;
  readonly set: Readonly<Record<string, string>>;
  readonly credentialFile?: string;
  readonly title?: string;
  readonly text?: string;
  readonly watchlist: string[];
  readonly minSeverity?: string;
  readonly timeToLive?: number;
  readonly heads?: boolean;
  readonly alarms?: boolean;
  /** False: --no-alerts. */
  readonly alerts: boolean;
}

/** What an endpoint is sent; undefined: alerts. */
const sendsOf = ({ heads, alarms, alerts }: AddOptions) => {
  if (heads) return 'heads' as const;
  if (alarms) return alerts ? ('both' as const) : ('alarms' as const);
  if (alerts) return undefined;
  throw new CommandError('Without alerts nothing would be sent there: give --alarms or --heads.');
};

const endpointAdd: AddCommand = (endpoint, session) =>
  endpoint
    .command('add')
    .description('Add an endpoint; of a webhook print its secret, which is never shown again')
    .argument('<name>', '', named)
    .argument(
      '[url]',
      'its address, as docs/alerts-out.md has it for each kind; telegram, pagerduty and slack with a channel need none',
    )
    .addOption(new Option('--kind <kind>', 'what is there (default: webhook)').choices([...kindNames]))
    .option('--set <name=value>', 'what the kind has to know, like chat_id=123; may be repeated', setting, {})
    .option('--credential-file <file>', 'the file with its token, password or key; - is the standard input')
    .option('--title <words>', 'a template for the title of its messages, like "{{person}} at {{camera}}"')
    .option('--text <words>', 'a template for their text')
    .option('--watchlist <name>', 'alerts of this list only; may be repeated', severalSearched, [])
    .addOption(
      new Option('--min-severity <word>', 'this severity or a higher one (default: info)').choices(
        severities,
      ),
    )
    .option('--time-to-live <seconds>', 'how old a sighting may be when it is sent (default: 900)', seconds)
    .option('--alarms', 'send alarms there too: silent cameras, old backlogs, lost workers, held vacuum')
    .option('--no-alerts', 'with --alarms: send no alerts there')
    .option('--heads', 'send the latest seal of the record there every hour, and no alerts')
    .action(
      session.action(async (context, name: string, url: string | undefined, options: AddOptions) => {
        const { db } = await connect(context);
        const fields = {
          name,
          url,
          kind: options.kind,
          settings: options.set,
          credential: await readCredential(context.io.stdin, options.credentialFile),
          title_template: options.title,
          text_template: options.text,
          watchlists: options.watchlist,
          min_severity: options.minSeverity,
          time_to_live_seconds: options.timeToLive,
          sends: sendsOf(options),
        };
        const added = await db
          .transaction()
          .execute((trx) => addEndpoint(trx, fields, context.config.outgoing));
        print(
          context.io,
          `${name}  ${added.id}${added.secret === null ? '' : `\nsecret  ${added.secret}`}`,
          added,
        );
      }),
    );

/** Collects settings of an endpoint. */
const setting = (given: string, before: Readonly<Record<string, string>>) => {
  const [, key, value] = /^([a-z_]+)=(.*)$/.exec(given) ?? [];
  if (key === undefined || value === undefined)
    throw new InvalidArgumentError('Give a name and a value, like chat_id=123.');
  return { ...before, [key]: value };
};

/** A credential, without the end of its line. Not an argument, which other users of the machine could read. */
const readCredential = async (stdin: Input, file: string | undefined): Promise<string | undefined> => {
  if (file === undefined) return undefined;
  const read = await (file === '-' ? text(stdin) : readFile(file, 'utf8')).catch((error) => {
    throw new CommandError(`The file of the credential cannot be read: ${error.code}.`);
  });
  const { max } = limits.credentialCharacters;
  const credential = read.trim();
  if (credential === '' || [...credential].length > max)
    throw new CommandError(`A credential has 1 to ${max} characters.`);
  return credential;
};

const endpointList: AddCommand = (endpoint, session) =>
  endpoint
    .command('list')
    .description('List endpoints')
    .option('--json', 'print JSON')
    .action(
      session.action(async (context, options: { json?: boolean }) => {
        const { db } = await connect(context);
        printRows(context.io, await readEndpoints(db), {
          ...options,
          none: 'no endpoints',
          columns: (one) => ({
            name: one.name,
            kind: one.kind,
            url: one.url,
            sends: one.sends,
            lists: one.watchlists.join(', ') || 'all',
            min_severity: one.min_severity,
            ttl_seconds: one.time_to_live_seconds,
            enabled: one.enabled ? 'yes' : (one.disabled_reason ?? 'no'),
            due: one.due,
          }),
        });
      }),
    );

const endpointTest: AddCommand = (endpoint, session) =>
  endpoint
    .command('test')
    .description('Send a test message and print what was answered; not 0 unless it was accepted')
    .argument('<name>', 'name or id', searched)
    .action(
      session.action(async (context, name: string) => {
        const { db } = await connect(context);
        const answer = await testEndpoint(db, context.config.outgoing, name, 'the command line');
        print(
          context.io,
          `${answer.error ?? `It took the message${answer.status === null ? '' : `: ${answer.status}`}.`}  ${Math.round(answer.durationMs)} ms`,
          answer,
        );
        return answer.error === null;
      }),
    );

const endpointRotate: AddCommand = (endpoint, session) =>
  endpoint
    .command('rotate')
    .description('Give an endpoint a new secret and print it; it is never shown again')
    .argument('<name>', 'name or id', searched)
    .option('--keep <seconds>', 'how long messages are signed with the old one too', seconds, 86_400)
    .action(
      session.action(async (context, name: string, { keep }: { keep: number }) => {
        const { db } = await connect(context);
        const id = await findEndpoint(db, name);
        const { secret, previous_until } = await db
          .transaction()
          .execute((trx) => rotateSecret(trx, id, keep));
        print(context.io, `secret  ${secret}\nthe one before signs until ${previous_until.toISOString()}`, {
          secret,
          previous_until,
        });
      }),
    );

const change =
  (verb: 'enable' | 'disable' | 'remove', description: string): AddCommand =>
  (endpoint, session) =>
    endpoint
      .command(verb)
      .description(description)
      .argument('<name...>', 'names or ids', severalSearched)
      .action(
        session.action(async (context, names: string[]) => {
          const { db } = await connect(context);
          return forEach(context.io, names, async (name) => {
            await changeEndpoint(db, await findEndpoint(db, name), verb);
            print(context.io, `${name} is ${verb}d`, { name, done: verb });
          });
        }),
      );

const endpointEnable = change('enable', 'Send alerts there (again)');
const endpointDisable = change('disable', 'Send nothing there');
const endpointRemove = change('remove', 'Remove endpoints; the record of what was sent there stays');

const endpointDeliveries: AddCommand = (endpoint, session) =>
  endpoint
    .command('deliveries')
    .description('Show the latest attempts to deliver to an endpoint')
    .argument('<name>', 'name or id', searched)
    .option('--after <id>', 'the next page: those before this delivery', identifier)
    .option('--limit <number>', 'at most this many', positionOption, 20)
    .option('--json', 'print JSON')
    .action(
      session.action(
        async (context, name: string, options: { after?: string; limit: number; json?: boolean }) => {
          const { db } = await connect(context);
          printRows(
            context.io,
            await readDeliveries(db, { ...options, endpoint: await findEndpoint(db, name) }),
            {
              ...options,
              none: 'no deliveries',
              columns: ({
                id,
                started_at,
                type,
                attempt,
                outcome,
                status,
                duration_ms,
                error,
                alert_id,
              }) => ({
                started_at,
                type,
                attempt,
                outcome,
                status,
                duration_ms,
                error,
                alert_id,
                id,
              }),
            },
          );
        },
      ),
    );
