import { Option } from 'commander';
import { addBridge, BridgeProcess, type NewBridge, readBridges, testBridge } from '../bridge/index.ts';
import { assertReadable } from '../database/at-rest.ts';
import { findNamed } from '../database/named.ts';
import { waitForDatabase } from '../database/retry.ts';
import { CommandError } from '../errors.ts';
import { changing } from './program/changing.ts';
import { connect } from './program/connect.ts';
import { print } from './program/io.ts';
import { named, searched, several, tokenOption } from './program/options.ts';
import { readySchema } from './program/ready-schema.ts';
import type { AddCommand } from './program/session.ts';
import { printRows } from './program/table.ts';

/** bridge: events to brokers of others, and photos from them. */
export const bridgeCommand: AddCommand = (program, session) => {
  const bridge = program.command('bridge').description('Bridges to Kafka, RabbitMQ, NATS, MQTT and Celery');
  for (const add of [bridgeRun, bridgeAdd, bridgeList, bridgeTest, bridgeEnable, bridgeDisable, bridgeRemove])
    add(bridge, session);
};

const bridgeRun: AddCommand = (bridge, session) =>
  bridge
    .command('run', { isDefault: true })
    .description('Do the work of all bridges, until a signal; what "watchpost bridge" does')
    .action(
      session.action(
        async (context) => {
          const { io, config, log, stopper } = context;
          const ended = context.untilSignal();
          const database = await connect(context, { writable: true });
          await waitForDatabase(database, () => readySchema(database, context));
          await assertReadable(database.db);
          const running = new BridgeProcess({ database, config, log });
          stopper.add(() => running.stop());
          print(io, `bridge ${running.id} is at work; stop it with Ctrl-C`, { bridge: running.id });
          await ended;
        },
        { logs: 'everything' },
      ),
    );

interface AddOptions {
  readonly to?: string;
  readonly from?: string;
  readonly address: string;
  readonly topic: string[];
  readonly mode?: NewBridge['mode'];
  readonly camera?: string;
  readonly username?: string;
  readonly fromBeginning?: boolean;
}

const kinds: Record<string, NewBridge['kind']> = {
  kafka: 'kafka',
  kafkas: 'kafka',
  amqp: 'rabbitmq',
  amqps: 'rabbitmq',
  nats: 'nats',
  tls: 'nats',
  mqtt: 'mqtt',
  mqtts: 'mqtt',
};

const bridgeAdd: AddCommand = (bridge, session) =>
  bridge
    .command('add')
    .description('Add a bridge')
    .argument('<name>', '', named)
    .option('--to <url>', 'publish events there: kafka://, amqp://, nats:// or mqtt://')
    .option('--from <url>', 'read photos from there')
    .requiredOption(
      '--address <text>',
      'topic, subject, queue, or exchange/routing key; {topic}, {camera} and {site} are replaced in what goes out',
      tokenOption,
    )
    .option('--celery', 'the messages of an amqp:// address are tasks of Celery; out: --address queue/task')
    .option(
      '--topic <topic>',
      'events to publish, like alert.raised or face.* (default: alert.*); may be repeated',
      several,
      [],
    )
    .addOption(
      new Option('--mode <mode>', 'of CloudEvents (default: structured)').choices(['structured', 'binary']),
    )
    .option('--camera <name>', 'the camera of photos whose message names none', searched)
    .option('--username <name>', 'how to log in, with the password in WATCHPOST_BRIDGE_PASSWORD', tokenOption)
    .option('--from-beginning', 'publish the events on record first')
    .action(
      session.action(async (context, name: string, options: AddOptions & { celery?: boolean }) => {
        const { to, from, address, topic, mode, camera, username, fromBeginning } = options;
        const url = to ?? from;
        if (url === undefined || (to !== undefined && from !== undefined))
          throw new CommandError('Give --to for events or --from for photos.');
        const kind = kinds[url.split(':')[0]?.toLowerCase() ?? ''];
        if (kind === undefined)
          throw new CommandError('The URL has to begin with kafka://, amqp://, nats:// or mqtt://.');
        const password = context.io.environment.WATCHPOST_BRIDGE_PASSWORD;
        const { db } = await connect(context);
        const id = await db.transaction().execute((trx) =>
          addBridge(trx, {
            name,
            kind: options.celery && kind === 'rabbitmq' ? 'celery' : kind,
            direction: to === undefined ? 'in' : 'out',
            url,
            address,
            topics: topic.length > 0 ? topic : undefined,
            mode,
            camera,
            credentials: username === undefined ? undefined : { username, password },
            from_beginning: fromBeginning,
          }),
        );
        print(context.io, `${name}  ${id}`, { id, name });
      }),
    );

const bridgeList: AddCommand = (bridge, session) =>
  bridge
    .command('list')
    .description('List bridges, with what they have done')
    .option('--json', 'print JSON')
    .action(
      session.action(async (context, options: { json?: boolean }) => {
        const { db } = await connect(context);
        printRows(context.io, await readBridges(db), {
          ...options,
          none: 'no bridges',
          columns: (one) => ({
            name: one.name,
            kind: one.kind,
            direction: one.direction,
            url: one.url,
            address: one.address,
            state: one.enabled ? (one.connected ? 'connected' : (one.error ?? 'not connected')) : 'disabled',
            published: one.published,
            received: one.received,
            refused: one.refused,
            waiting: one.waiting,
          }),
        });
      }),
    );

const bridgeTest: AddCommand = (bridge, session) =>
  bridge
    .command('test')
    .description(
      'Connect to the broker of a bridge once, and publish nothing; not 0 unless it can be connected',
    )
    .argument('<name>', 'name or id', searched)
    .action(
      session.action(async (context, name: string) => {
        const database = await connect(context);
        const error = await testBridge(
          database,
          context.config.outgoing,
          await findNamed(database.db, 'bridge', name),
        );
        print(context.io, error ?? 'The broker can be connected.', {
          connected: error === undefined,
          error: error ?? null,
        });
        return error === undefined;
      }),
    );

const bridgeEnable = changing('bridge', 'enable', 'Go on where bridges stopped');
const bridgeDisable = changing('bridge', 'disable', 'Publish and read nothing');
const bridgeRemove = changing('bridge', 'remove', 'Remove bridges and their credentials; the record stays');
