import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { assertReadable, fingerprintOf, isEncrypting } from '../database/at-rest.ts';
import { convertStored, countStored, destroyKeys, rewrapKeys } from '../database/encryption.ts';
import { readEncryptionKey } from '../encryption-key.ts';
import { CommandError } from '../errors.ts';
import { whyUnusableFile } from '../file-errors.ts';
import { connect } from './program/connect.ts';
import { print, printJson } from './program/io.ts';
import { Progress } from './program/progress.ts';
import type { AddCommand, Context } from './program/session.ts';

/** encryption: photos and crops at rest. */
export const encryptionCommand: AddCommand = (program, session) => {
  const encryption = program
    .command('encryption')
    .description('Photos and crops encrypted at rest (docs/encryption.md)');
  for (const add of [makeKey, status, encryptAll, decryptAll, rewrap, destroy]) add(encryption, session);
};

const makeKey: AddCommand = (encryption, session) =>
  encryption
    .command('make-key')
    .description('Make a key, in a file that only its owner can read')
    .argument('<file>', 'where to write it; set WATCHPOST_ENCRYPTION_KEY_FILE to it')
    .action(
      session.action(async ({ io }, file: string) => {
        const text = `${randomBytes(32).toString('base64')}\n`;
        await writeFile(file, text, { mode: 0o600, flag: 'wx' }).catch((error: Error) => {
          throw new CommandError(`${file} cannot be written: ${whyUnusableFile(error) ?? error.message}.`);
        });
        print(io, `${file} holds a new key. Keep a copy apart from the database and its backups.`, { file });
      }),
    );

const status: AddCommand = (encryption, session) =>
  encryption
    .command('status')
    .description('Say whether photos are encrypted here, by which key, and how many are not')
    .option('--json', 'print JSON')
    .action(
      session.action(async (context, { json }: { json?: boolean }) => {
        const { db } = await connect(context);
        const counts = await countStored(db);
        const key = fingerprintOf() ?? null;
        if (json) return printJson(context.io, { key, ...counts });
        const needed = counts.keys.find((one) => !one.destroyed_at && one.wrapped_by !== key);
        print(context.io, key ? `on, by the key ${key}` : 'off: no key is set');
        if (needed)
          print(
            context.io,
            `what is stored needs the key ${needed.wrapped_by}, which this process does not have`,
          );
        for (const one of counts.keys)
          print(
            context.io,
            `data key ${one.id}, wrapped by ${one.wrapped_by}${one.destroyed_at ? ', destroyed' : ''}`,
          );
        print(
          context.io,
          `photos  ${counts.photos.encrypted} encrypted, ${counts.photos.plain} plain\ncrops   ${counts.crops.encrypted} encrypted, ${counts.crops.plain} plain`,
        );
      }),
    );

const requireKey = (): void => {
  if (isEncrypting()) return;
  throw new CommandError(
    'No key is set: make one with "encryption make-key FILE", and set WATCHPOST_ENCRYPTION_KEY_FILE.',
  );
};

const convert = async (context: Context, to: 'encrypted' | 'plain'): Promise<void> => {
  requireKey();
  const { db } = await connect(context);
  const { photos, crops } = await countStored(db);
  const from = to === 'encrypted' ? 'plain' : 'encrypted';
  const progress = new Progress(context.io.stderr, 'photos and crops', photos[from] + crops[from]);
  const converted = await convertStored(db, to, (rows) => progress.step(rows));
  progress.end();
  // Nothing needs it any more, and a process without the key of the settings can start.
  if (to === 'plain') await destroyKeys(db);
  print(
    context.io,
    `${converted} photos and crops are ${to} now; "erase clean --full" clears the space of the others.`,
    { converted, to },
  );
};

const encryptAll: AddCommand = (encryption, session) =>
  encryption
    .command('encrypt')
    .description('Encrypt the photos and crops that were stored before; may be interrupted and repeated')
    .action(session.action((context) => convert(context, 'encrypted')));

const decryptAll: AddCommand = (encryption, session) =>
  encryption
    .command('decrypt')
    .description('Store all photos and crops as they are, to switch encryption off: stop all processes first')
    .action(session.action((context) => convert(context, 'plain')));

const rewrap: AddCommand = (encryption, session) =>
  encryption
    .command('rewrap')
    .description(
      'Wrap the data keys by the key of the settings, in place of an older one; photos stay as they are',
    )
    .requiredOption('--from-file <file>', 'the file of the older key')
    .action(
      session.action(async (context, { fromFile }: { fromFile: string }) => {
        requireKey();
        const { db } = await connect(context);
        const older = readEncryptionKey({ file: fromFile });
        const newer = readEncryptionKey(context.config.encryption);
        if (!older || !newer) return;
        const rewrapped = await rewrapKeys(db, older, newer);
        print(context.io, `${rewrapped} data keys are wrapped by ${fingerprintOf()} now`, {
          rewrapped,
          key: fingerprintOf(),
        });
        await assertReadable(db);
      }),
    );

const destroy: AddCommand = (encryption, session) =>
  encryption
    .command('destroy')
    .description(
      'Destroy the keys: nobody can read the encrypted photos and crops any more; matching goes on',
    )
    .option('--yes', 'do it; there is no way back')
    .action(
      session.action(async (context, { yes }: { yes?: boolean }) => {
        const { db } = await connect(context);
        const { photos, crops } = await countStored(db);
        if (!yes)
          throw new CommandError(
            `${photos.encrypted} photos and ${crops.encrypted} crops could not be read any more. Repeat it with --yes.`,
          );
        const destroyed = await destroyKeys(db);
        print(context.io, `${destroyed} keys are destroyed`, { destroyed });
      }),
    );
