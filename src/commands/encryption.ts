import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { assertReadable, fingerprintOf, isEncrypting } from '../database/at-rest.ts';
import { convertStored, countStored, destroyKeys, rewrapKeys } from '../database/encryption.ts';
import { readEncryptionKey } from '../encryption-key.ts';
import { CommandError } from '../errors.ts';
import { whyUnusableFile } from '../file-errors.ts';
import { findSite } from '../watchlist/registry.ts';
import { connect } from './program/connect.ts';
import { print, printJson } from './program/io.ts';
import { searched } from './program/options.ts';
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
        print(io, `${file} holds a new key. Keep a copy apart from the database and its backups.`);
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
            `data key ${one.id} of ${one.site}, wrapped by ${one.wrapped_by}: ${one.photos} photos, ${one.crops} crops${one.destroyed_at ? ', destroyed' : ''}`,
          );
        print(context.io, `photos  ${inWords(counts.photos)}\ncrops   ${inWords(counts.crops)}`);
      }),
    );

const inWords = ({ encrypted, plain, lost }: { encrypted: number; plain: number; lost: number }): string =>
  `${encrypted} encrypted, ${plain} plain${lost > 0 ? `, ${lost} by a destroyed key` : ''}`;

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
        print(
          context.io,
          `${await rewrapKeys(db, older, newer)} data keys are wrapped by ${fingerprintOf()} now`,
        );
        await assertReadable(db);
      }),
    );

const destroy: AddCommand = (encryption, session) =>
  encryption
    .command('destroy')
    .description(
      'Destroy the key of a site, or of all: nobody can read its photos and crops any more; matching goes on',
    )
    .option('--site <name>', 'name or id; without it, the keys of all sites', searched)
    .option('--yes', 'do it; there is no way back')
    .action(
      session.action(async (context, { site, yes }: { site?: string; yes?: boolean }) => {
        const { db } = await connect(context);
        const siteId = site === undefined ? undefined : await findSite(db, site);
        if (!yes) {
          const { keys } = await countStored(db);
          const hit = keys.filter((key) => !key.destroyed_at && (siteId ?? key.site_id) === key.site_id);
          const [photos, crops] = (['photos', 'crops'] as const).map((of) =>
            hit.reduce((sum, key) => sum + key[of], 0),
          );
          throw new CommandError(
            `${photos} photos and ${crops} crops of ${site === undefined ? 'all sites' : `the site ${site}`} could not be read any more. Repeat it with --yes.`,
          );
        }
        const destroyed = await destroyKeys(db, siteId);
        print(context.io, destroyed === 1 ? '1 key is destroyed' : `${destroyed} keys are destroyed`);
      }),
    );
