import { writeFile } from 'node:fs/promises';
import { CommandError } from '../errors.ts';
import { makeEvidence } from '../evidence/index.ts';
import { whyUnusableFile } from '../file-errors.ts';
import { connect } from './program/connect.ts';
import { print, printJson } from './program/io.ts';
import { identifier, words } from './program/options.ts';
import type { AddCommand } from './program/session.ts';

/** alert evidence: everything about one alert in a file that can be checked without this system. */
export const alertEvidence: AddCommand = (alert, session) =>
  alert
    .command('evidence')
    .description('Write the evidence of an alert to a zip file, and print the seal that proves it')
    .argument('<id>', "the alert's id", identifier)
    .option('--out <file>', 'the file, which must not be there yet (default: watchpost-evidence-ID.zip)')
    .option('--reason <words>', 'why, for the record of who looked', words)
    .option('--json', 'print JSON')
    .action(
      session.action(
        async (context, id: string, options: { out?: string; reason?: string; json?: boolean }) => {
          const { db } = await connect(context);
          const { name, zip, head } = await makeEvidence(
            { db, act: (run) => db.transaction().execute(run), reason: options.reason },
            id,
          );
          const file = options.out ?? name;
          await writeFile(file, zip, { flag: 'wx', mode: 0o600 }).catch((error: Error) => {
            throw new CommandError(`--out: ${file}: ${whyUnusableFile(error) ?? error.message}.`);
          });
          const line = `${head.number} ${head.digest} ${head.sealed_at.toISOString()}`;
          if (options.json) printJson(context.io, { file, bytes: zip.length, head });
          else print(context.io, `${file}  ${zip.length} bytes\nhead  ${line}`);
        },
      ),
    );
