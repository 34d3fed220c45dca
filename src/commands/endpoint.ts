import { Option } from 'commander';
import { findNamed } from '../database/named.ts';
import { readDeliveries, readEndpoint, readEndpoints, rotateSecret } from '../endpoints/endpoints.ts';
import { type KindName, kindNames } from '../endpoints/kinds/kind.ts';
import { addEndpoint, type EndpointFields } from '../endpoints/new-endpoint.ts';
import { setEndpoint } from '../endpoints/set-endpoint.ts';
import { testEndpoint } from '../endpoints/test-endpoint.ts';
import { CommandError } from '../errors.ts';
import { type EndpointOptions, fieldsOf, withEndpointOptions } from './endpoint-options.ts';
import { changing } from './program/changing.ts';
import { connect } from './program/connect.ts';
import { print } from './program/io.ts';
import { identifier, named, positionOption, searched, seconds } from './program/options.ts';
import type { AddCommand } from './program/session.ts';
import { showing } from './program/show.ts';
import { printRows } from './program/table.ts';

/** endpoint: where alerts are delivered to, by signed POSTs. */
export const endpointCommand: AddCommand = (program, session) => {
  const endpoint = program.command('endpoint').description('Endpoints that alerts are delivered to');
  for (const add of [
    endpointAdd,
    endpointList,
    endpointShow,
    endpointSet,
    endpointTest,
    endpointRotate,
    endpointEnable,
    endpointDisable,
    endpointRemove,
    endpointDeliveries,
  ])
    add(endpoint, session);
};

interface AddOptions extends EndpointOptions {
  readonly kind?: KindName;
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
  withEndpointOptions(
    endpoint
      .command('add')
      .description('Add an endpoint; of a webhook print its secret, which is never shown again')
      .argument('<name>', '', named)
      .argument(
        '[url]',
        'its address, as docs/alerts-out.md has it for each kind; telegram, pagerduty and slack with a channel need none',
      )
      .addOption(new Option('--kind <kind>', 'what is there (default: webhook)').choices([...kindNames])),
  )
    .option('--alarms', 'send alarms there too: silent cameras, old backlogs, lost workers, held vacuum')
    .option('--no-alerts', 'with --alarms: send no alerts there')
    .option('--heads', 'send the latest seal of the record there every hour, and no alerts')
    .action(
      session.action(async (context, name: string, url: string | undefined, options: AddOptions) => {
        const { db } = await connect(context);
        const fields = {
          ...(await fieldsOf(context.io.stdin, options)),
          name,
          url,
          kind: options.kind,
          settings: options.set,
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

interface SetOptions extends EndpointOptions {
  readonly rename?: string;
  readonly url?: string;
  /** False: --no-credential. */
  readonly credential: boolean;
  readonly allWatchlists?: boolean;
  readonly sends?: EndpointFields['sends'];
}

const endpointSet: AddCommand = (endpoint, session) =>
  withEndpointOptions(
    endpoint
      .command('set')
      .description('Change an endpoint; its kind stays')
      .argument('<name>', 'name or id', searched)
      .option('--rename <name>', 'another name', named)
      .option('--url <url>', 'another address; at another server it needs the credential again'),
  )
    .option('--no-credential', 'it has none any more')
    .option('--no-title', 'the usual title')
    .option('--no-text', 'the usual text')
    .option('--all-watchlists', 'alerts of all lists')
    .addOption(
      new Option('--sends <what>', 'what is sent there').choices(['alerts', 'alarms', 'both', 'heads']),
    )
    .action(
      session.action(async (context, name: string, options: SetOptions) => {
        const { allWatchlists, credential, rename, sends, set, url } = options;
        const given = await fieldsOf(context.io.stdin, options);
        const fields = {
          ...given,
          name: rename,
          url,
          sends,
          credential: credential ? given.credential : null,
          watchlists: allWatchlists ? [] : given.watchlists,
        };
        if (Object.values({ ...fields, set }).every((value) => value === undefined)) {
          throw new CommandError(
            'Say what to change, by one of the options that --help lists, like --min-severity.',
          );
        }
        const { db } = await connect(context);
        const changed = await db.transaction().execute(async (trx) => {
          const id = await findNamed(trx, 'endpoint', name);
          if (set === undefined) return setEndpoint(trx, id, fields, context.config.outgoing);
          const [before] = await readEndpoints(trx, { id, limit: 1 });
          const settings = Object.fromEntries(
            Object.entries({ ...before?.settings, ...set }).filter(([, value]) => value !== ''),
          );
          return setEndpoint(trx, id, { ...fields, settings }, context.config.outgoing);
        });
        print(context.io, `${changed.name}  ${changed.id}`, changed);
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
        const found = await readEndpoints(db);
        printRows(context.io, found, {
          ...options,
          none: 'no endpoints',
          columns: (one) => ({
            name: one.name,
            kind: one.kind,
            url: one.url,
            ...(found.some(({ site }) => site !== found[0]?.site) ? { site: one.site ?? 'all' } : {}),
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

const endpointShow = showing(
  'Show everything that is set of an endpoint, but its secret and credential',
  readEndpoint,
  ({ settings, watchlists, ...one }) => ({
    ...one,
    settings: Object.entries(settings)
      .map(([name, value]) => `${name}=${value}`)
      .join(', '),
    watchlists: watchlists.join(', ') || 'all',
    site: one.site ?? 'all',
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
        const id = await findNamed(db, 'endpoint', name);
        const { secret, previous_until } = await db
          .transaction()
          .execute((trx) => rotateSecret(trx, id, keep));
        print(context.io, `secret  ${secret}\nthe one before signs until ${previous_until.toISOString()}`, {
          secret,
          previous_until,
        });
      }),
    );

const endpointEnable = changing('endpoint', 'enable', 'Send alerts there (again)');
const endpointDisable = changing('endpoint', 'disable', 'Send nothing there');
const endpointRemove = changing(
  'endpoint',
  'remove',
  'Remove endpoints; the record of what was sent there stays',
);

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
            await readDeliveries(db, { ...options, endpoint: await findNamed(db, 'endpoint', name) }),
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
