import { Option } from 'commander';
import { CommandError } from '../errors.ts';
import {
  addEndpoint,
  changeEndpoint,
  findEndpoint,
  readDeliveries,
  readEndpoints,
  rotateSecret,
  testEndpoint,
} from '../webhooks/endpoints.ts';
import { connect } from './program/connect.ts';
import { forEach } from './program/each.ts';
import { print } from './program/io.ts';
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
    .description('Add an endpoint and print its secret, which is never shown again')
    .argument('<name>', '', named)
    .argument('<url>', 'an https:// address')
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
      session.action(async (context, name: string, url: string, options: AddOptions) => {
        const { db } = await connect(context);
        const fields = {
          name,
          url,
          watchlists: options.watchlist,
          min_severity: options.minSeverity,
          time_to_live_seconds: options.timeToLive,
          sends: sendsOf(options),
        };
        const added = await db
          .transaction()
          .execute((trx) => addEndpoint(trx, fields, context.config.outgoing));
        print(context.io, `${name}  ${added.id}\nsecret  ${added.secret}`);
      }),
    );

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
    .description('Send a test message and print the status; not 0 unless it was accepted')
    .argument('<name>', 'name or id', searched)
    .action(
      session.action(async (context, name: string) => {
        const { db } = await connect(context);
        const answer = await testEndpoint(db, context.config.outgoing, name, 'the command line');
        print(
          context.io,
          `${answer.error ?? `It took the message: ${answer.status}.`}  ${Math.round(answer.durationMs)} ms`,
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
        print(context.io, `secret  ${secret}\nthe one before signs until ${previous_until.toISOString()}`);
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
            print(context.io, `${name} is ${verb}d`);
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
