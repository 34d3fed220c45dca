import type { Command } from 'commander';
import { enrolStranger, readRecurring, readStranger } from '../../watchlist/strangers.ts';
import { connect } from '../connect.ts';
import { table } from '../sql.ts';
import { once, stopper } from './context.ts';
import { moment, named, position, several, similarity, token } from './options.ts';

interface Setting {
  similarity?: number;
  minFaces?: number;
  retention?: string;
  visitGap?: string;
}

/** strangers: grouping the faces that match nobody. */
export const addStrangers = (program: Command): void => {
  const strangers = program
    .command('strangers')
    .description('Strangers who come again: faces that match nobody, grouped');

  strangers
    .command('on')
    .description('Group faces that match nobody, from now on and as far back as they are to be kept')
    .option('--similarity <cosine>', 'how alike two faces of one stranger are (at first: 0.55)', similarity)
    .option('--min-faces <number>', 'how many faces make a stranger (at first: 3)', position)
    .option('--retention <interval>', 'how long a face is kept here, like "30 days" (at first)')
    .option('--visit-gap <interval>', 'how far apart two visits are, like "30 minutes" (at first)')
    .action(
      once(async ({ config, log }, { similarity, minFaces, retention, visitGap }: Setting) => {
        const database = await connect(config, log, stopper);
        await database.pool.query('select watchpost.enable_strangers($1, $2, $3, $4)', [
          similarity,
          minFaces,
          retention,
          visitGap,
        ]);
        const { rows } = await database.pool.query(
          'select similarity, min_faces, retention::text, visit_gap::text from watchpost.stranger_setting',
        );
        process.stdout.write(`faces that match nobody are grouped\n${table(rows)}\n`);
        return true;
      }),
    );

  strangers
    .command('off')
    .description('Group no more faces; what is grouped goes by its retention')
    .option('--forget', 'forget all groups at once; people made of them stay')
    .action(
      once(async ({ config, log }, { forget = false }: { forget?: boolean }) => {
        const database = await connect(config, log, stopper);
        await database.pool.query('select watchpost.disable_strangers($1)', [forget]);
        process.stdout.write(
          `faces that match nobody are not grouped${forget ? '; all groups are forgotten' : ''}\n`,
        );
        return true;
      }),
    );

  strangers
    .command('list')
    .description('Who keeps coming and is nobody')
    .option('--visits <number>', 'at least so many visits', position, 2)
    .option('--since <time>', 'count visits from this time on', moment)
    .option('--json', 'print JSON')
    .action(
      once(async ({ config, log }, wanted: { visits: number; since?: string; json?: boolean }) => {
        const found = await readRecurring(await connect(config, log, stopper), { ...wanted, limit: 1000 });
        const shown = found.map((one) => ({ ...one, cameras: one.cameras.join(', ') }));
        if (wanted.json) process.stdout.write(`${JSON.stringify(found)}\n`);
        else process.stdout.write(found.length > 0 ? `${table(shown)}\n` : 'nobody\n');
        return true;
      }),
    );

  strangers
    .command('show')
    .description('The faces of a stranger, latest first')
    .argument('<id>')
    .option('--json', 'print JSON')
    .action(
      once(async ({ config, log }, id: string, options: { json?: boolean }) => {
        const { faces, ...stranger } = await readStranger(await connect(config, log, stopper), id);
        if (options.json) process.stdout.write(`${JSON.stringify({ ...stranger, faces })}\n`);
        else process.stdout.write(`${table([stranger])}\n${faces.length > 0 ? `\n${table(faces)}\n` : ''}`);
        return true;
      }),
    );

  strangers
    .command('enrol')
    .description('Make a stranger a person, with their best views as photos')
    .argument('<id>')
    .argument('<name>', '', named)
    .option('--ref <key>', 'their key in another system', token)
    .option('--watchlist <name>', 'put them on this list; may be repeated', several, [])
    .action(
      once(
        async ({ config, log }, id: string, name: string, options: { ref?: string; watchlist: string[] }) => {
          const personId = await enrolStranger(await connect(config, log, stopper), id, {
            name,
            external_ref: options.ref,
            watchlists: options.watchlist,
          });
          process.stdout.write(`${name}  ${personId}\n`);
          return true;
        },
      ),
    );
};
