import { writeFile } from 'node:fs/promises';
import { CommandError } from '../errors.ts';
import { whyUnusableFile } from '../file-errors.ts';
import { reportPage } from '../transfer/access-page.ts';
import { readAccessReport, readCrops } from '../watchlist/registry.ts';
import { connect } from './program/connect.ts';
import { findOnePerson, personArgument } from './program/find-person.ts';
import { print, printJson } from './program/io.ts';
import { tokenOption, words } from './program/options.ts';
import type { AddCommand } from './program/session.ts';

interface ReportOptions {
  readonly out?: string;
  readonly photos?: boolean;
  readonly reason?: string;
}

/** person report: what is stored of a person, every search that touched them, and who looked. */
export const personReport: AddCommand = (person, session) =>
  person
    .command('report')
    .description('The access report of a person: what is stored, who searched for them, and who looked')
    .argument('<person>', personArgument, tokenOption)
    .option('--out <file>', 'a file to be written: .html for people to read, .json (default: JSON to stdout)')
    .option('--photos', 'with their enrolled faces, in the page')
    .option('--reason <words>', 'why, for the record of who looked', words)
    .action(
      session.action(async (context, wanted: string, { out, photos, reason }: ReportOptions) => {
        if (out !== undefined && !/\.(html|json)$/i.test(out)) {
          throw new CommandError(`${out}: give a file that ends in .html or .json.`);
        }
        if (photos && !(out && /html$/i.test(out))) {
          throw new CommandError('--photos is for a page: give a file that ends in .html with --out.');
        }
        const { db } = await connect(context);
        const { id } = await findOnePerson(db, wanted);
        const report = await readAccessReport(db, id, { reason });
        if (out === undefined) return printJson(context.io, report);
        const page = /html$/i.test(out)
          ? reportPage(report, photos ? await readCrops(db, report) : new Map(), new Date())
          : `${JSON.stringify(report, null, 2)}\n`;
        await writeFile(out, page, { mode: 0o600, flag: 'wx' }).catch((error) => {
          throw new CommandError(
            `${out} cannot be written: ${error.code === 'EEXIST' ? 'it is there already' : (whyUnusableFile(error) ?? error.message)}.`,
            { cause: error },
          );
        });
        const { sightings, searches, accesses } = report;
        print(
          context.io,
          `${report.person.name}: ${sightings.length} sightings, ${searches.length} searches, looked at ${accesses.length} times: ${out}`,
        );
      }),
    );
