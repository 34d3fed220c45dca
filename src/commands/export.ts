import { exportPeople } from '../transfer/export.ts';
import { connect } from './program/connect.ts';
import { print, printJson } from './program/io.ts';
import { Progress } from './program/progress.ts';
import type { AddCommand } from './program/session.ts';

/** export: everybody who is enrolled, with their photos. */
export const exportCommand: AddCommand = (program, session) =>
  program
    .command('export')
    .description('Write everybody who is enrolled, with their photos, in the form that import reads')
    .argument('<folder>', 'a new or empty folder')
    .option('--json', 'print JSON')
    .action(
      session.action(async (context, folder: string, options: { json?: boolean }) => {
        const { io } = context;
        const { pool, db } = await connect(context);
        const { rows } = await pool.query<{ n: number }>(
          'select count(*)::integer as n from watchpost.person',
        );
        const progress = new Progress(io.stderr, 'people', rows[0]?.n ?? 0);
        const { people, photos, crops } = await exportPeople(db, folder, () => progress.step());
        progress.end();
        if (options.json) printJson(io, { people, photos, crops });
        else
          print(
            io,
            `${folder}  ${people} people, ${photos} photos, ${crops} faces of photos that were dropped`,
          );
      }),
    );
