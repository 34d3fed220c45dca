import { CommandError } from '../errors.ts';
import { findCamera } from '../watchlist/registry.ts';
import { connect } from './program/connect.ts';
import { deletePhotosShown } from './program/deleting.ts';
import { momentOption, positionOption, searched } from './program/options.ts';
import type { AddCommand } from './program/session.ts';

/** image: the photos that cameras took. */
export const imageCommand: AddCommand = (program, session) =>
  imageRemove(program.command('image').description('Photos from cameras'), session);

interface RemoveOptions {
  readonly camera?: string;
  readonly since?: string;
  readonly until?: string;
  readonly olderThan?: number;
  readonly all?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

const imageRemove: AddCommand = (image, session) =>
  image
    .command('remove')
    .description('Delete photos with their faces and searches, except those that alerts rest on')
    .option('--camera <name>', 'of one camera, also of one that was removed', searched)
    .option('--since <time>', 'taken at or after this time, like 2026-11-23T15:04:05Z', momentOption)
    .option('--until <time>', 'taken before this time', momentOption)
    .option('--older-than <days>', 'taken more than so many days ago', positionOption)
    .option('--all', 'of every camera and time')
    .option('--dry-run', 'count them, and delete nothing')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
  It deletes batch by batch, and rests while photos arrive; if it is interrupted, run it again.

  Examples:
    $ watchpost image remove --camera north-gate --dry-run
    $ watchpost image remove --older-than 90`,
    )
    .action(
      session.action(async (context, { camera, since, until, ...options }: RemoveOptions) => {
        const { olderThan, all, dryRun, json } = options;
        if (!camera && !since && !until && !olderThan && !all) {
          throw new CommandError(
            'Say which photos: --camera, --since, --until, --older-than, or --all for everything.',
          );
        }
        if (until && olderThan) throw new CommandError('Give --until or --older-than.');
        const { db } = await connect(context);
        const photos = {
          camera: camera && (await findCamera(db, camera, { orRemoved: true })),
          since,
          // What arrives from now on stays.
          until: until ?? new Date(Date.now() - (olderThan ?? 0) * 86_400_000).toISOString(),
        };
        await deletePhotosShown(context.io, db, photos, { dryRun, json });
      }),
    );
