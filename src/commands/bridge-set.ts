import { Option } from 'commander';
import { type BridgeFields, setBridge } from '../bridge/index.ts';
import { CommandError } from '../errors.ts';
import { connect } from './program/connect.ts';
import { print } from './program/io.ts';
import { named, searched, several, tokenOption } from './program/options.ts';
import type { AddCommand } from './program/session.ts';

interface SetOptions extends Pick<BridgeFields, 'address' | 'mode' | 'url'> {
  readonly rename?: string;
  readonly topic: string[];
  /** False: --no-camera. */
  readonly camera?: string | false;
  readonly username?: string;
  /** False: --no-credentials. */
  readonly credentials: boolean;
}

/** bridge set: changes a bridge, which goes on where it was. */
export const bridgeSet: AddCommand = (bridge, session) =>
  bridge
    .command('set')
    .description('Change a bridge, which goes on where it was; its kind and direction stay')
    .argument('<name>', 'name or id', searched)
    .option('--rename <name>', 'another name', named)
    .option('--url <url>', 'another address of the broker; at another server it needs the credentials again')
    .option('--address <text>', 'another topic, subject, queue, or exchange/routing key', tokenOption)
    .option(
      '--topic <topic>',
      'the events to publish, in place of those before; may be repeated',
      several,
      [],
    )
    .addOption(new Option('--mode <mode>', 'of CloudEvents').choices(['structured', 'binary']))
    .option('--camera <name>', 'the camera of photos whose message names none', searched)
    .option('--no-camera', 'such photos are refused')
    .option('--username <name>', 'how to log in, with the password in WATCHPOST_BRIDGE_PASSWORD', tokenOption)
    .option('--no-credentials', 'it logs in without')
    .action(
      session.action(async (context, name: string, options: SetOptions) => {
        const { rename, topic, camera, username, credentials, url, address, mode } = options;
        const password = context.io.environment.WATCHPOST_BRIDGE_PASSWORD;
        const fields: BridgeFields = {
          ...{ name: rename, url, address, mode },
          topics: topic.length > 0 ? topic : undefined,
          camera: camera === false ? null : camera,
          credentials: credentials ? (username === undefined ? undefined : { username, password }) : null,
        };
        if (Object.values(fields).every((value) => value === undefined))
          throw new CommandError(
            'Say what to change, by one of the options that --help lists, like --address.',
          );
        const { db } = await connect(context);
        const changed = await db.transaction().execute((trx) => setBridge(trx, name, fields));
        print(context.io, `${changed.name}  ${changed.id}`, changed);
      }),
    );
