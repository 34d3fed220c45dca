import { type Exported, exportPeople } from '../transfer/export.ts';
import { connect } from './program/connect.ts';
import { print, printJson } from './program/io.ts';
import { words } from './program/options.ts';
import { Progress } from './program/progress.ts';
import type { AddCommand } from './program/session.ts';

/** export: people with their photos, lists and cameras. */
export const exportCommand: AddCommand = (program, session) =>
  program
    .command('export')
    .description(
      'Write people with their enrolled photos, lists, cannot-links and cameras, for import elsewhere',
    )
    .argument('<folder>', 'a new or empty folder')
    .option('--reason <words>', 'why, for the record of who looked', words)
    .option('--json', 'print JSON')
    .action(
      session.action(async (context, folder: string, options: { reason?: string; json?: boolean }) => {
        const { io } = context;
        const { pool, db } = await connect(context);
        const { rows } = await pool.query<{ n: number }>(
          'select count(*)::integer as n from watchpost.person',
        );
        const progress = new Progress(io.stderr, 'people', rows[0]?.n ?? 0);
        const written = await exportPeople(db, folder, {
          reason: options.reason,
          onPerson: () => progress.step(),
        });
        progress.end();
        if (options.json) return printJson(io, written);
        print(io, summaryOf(written));
      }),
    );

const summaryOf = ({ people, photos, crops, cameras, watchlists, cannot_links }: Exported): string =>
  [
    `people       ${people}`,
    `photos       ${photos}${crops > 0 ? `, and ${crops} faces of photos whose bytes were dropped` : ''}`,
    `lists        ${watchlists}`,
    `cameras      ${cameras}`,
    `cannot-links ${cannot_links}`,
  ].join('\n');
