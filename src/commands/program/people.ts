import { type Command, Option } from 'commander';
import { addCamera, addWatchlist } from '../../watchlist/registry.ts';
import { connect } from '../connect.ts';
import { addPersonWithPhotos } from '../person.ts';
import { once, stopper } from './context.ts';
import { position, seconds, several, similarity } from './options.ts';

/** camera, person, watchlist: who is looked for, and where. */
export const addPeople = (program: Command): void => {
  program
    .command('camera')
    .description('Cameras')
    .command('add')
    .description('Add a camera')
    .argument('<name>')
    .requiredOption('--location <words>', 'where it stands')
    .option('--zone <name>', 'cameras of one zone share their alerts')
    .action(
      once(async ({ config, log }, name: string, options: { location: string; zone?: string }) => {
        const database = await connect(config, log, stopper);
        const camera = await addCamera(database.db, { name, ...options });
        process.stdout.write(`${camera.name}  ${camera.id}\n`);
        return true;
      }),
    );

  program
    .command('person')
    .description('People')
    .command('add')
    .description('Add a person and enrol photos of them')
    .argument('<name>')
    .option('--photo <file>', 'a photo of them; may be repeated', several, [])
    .option('--face <number>', 'which face of the photo, counted from 1, left to right', position)
    .option('--watchlist <name>', 'put them on this list; may be repeated', several, [])
    .option('--ref <key>', 'their key in another system')
    .option('--no-wait', 'do not wait for the enrolment')
    .action(
      once(
        async (
          { config, log },
          name: string,
          options: { photo: string[]; face?: number; watchlist: string[]; ref?: string; wait: boolean },
        ) =>
          addPersonWithPhotos(await connect(config, log, stopper), {
            name,
            ...options,
            maxPixels: config.maxPixels,
          }),
      ),
    );

  program
    .command('watchlist')
    .description('Watchlists')
    .command('add')
    .description('Add a watchlist')
    .argument('<name>')
    .option('--threshold <similarity>', 'least cosine for a match, 0 to 1 (default: 0.45)', similarity)
    .addOption(
      new Option('--severity <word>', 'how urgent a sighting is (default: warning)').choices([
        'info',
        'warning',
        'critical',
      ]),
    )
    .option('--purpose <words>', 'what it is for')
    .option('--cooldown <seconds>', 'sightings closer than this extend one alert (default: 300)', seconds)
    .action(
      once(
        async (
          { config, log },
          name: string,
          options: { threshold?: number; severity?: string; purpose?: string; cooldown?: number },
        ) => {
          const { cooldown, ...columns } = options;
          const database = await connect(config, log, stopper);
          const list = await addWatchlist(database.db, { name, ...columns, cooldown_seconds: cooldown });
          process.stdout.write(`${list.name}  ${list.id}  threshold ${list.threshold}\n`);
          return true;
        },
      ),
    );
};
