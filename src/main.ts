import { Command, InvalidArgumentError, Option } from 'commander';
import { capturedAt } from './captured-at.ts';
import { connect } from './commands/connect.ts';
import { demo } from './commands/demo.ts';
import { doctor } from './commands/doctor.ts';
import { explain } from './commands/explain.ts';
import { addPersonWithPhotos } from './commands/person.ts';
import { type ReplayOptions, replayCommand } from './commands/replay.ts';
import { runSql } from './commands/sql.ts';
import { Stopper } from './commands/stop.ts';
import { submit } from './commands/submit.ts';
import { up } from './commands/up.ts';
import { verify } from './commands/verify.ts';
import { work } from './commands/work.ts';
import { readConfig } from './config.ts';
import { migrate } from './database/migrate.ts';
import { CommandError } from './errors.ts';
import { openLog } from './log.ts';
import { stageOf, stages } from './pipeline/index.ts';
import { version } from './version.ts';
import { addCamera, addWatchlist } from './watchlist/registry.ts';

const stopper = new Stopper();

/** Runs a command that ends by itself: with the settings read, a log open, and everything stopped afterwards. */
const once =
  <Arguments extends unknown[]>(
    run: (
      context: { config: ReturnType<typeof readConfig>; log: ReturnType<typeof openLog> },
      ...args: Arguments
    ) => Promise<boolean | undefined>,
  ) =>
  async (...args: Arguments): Promise<void> => {
    try {
      const config = readConfig();
      const good = await run(
        { config, log: openLog(config.logLevel === 'info' ? 'warn' : config.logLevel) },
        ...args,
      );
      process.exitCode = good === false ? 1 : 0;
    } finally {
      await stopper.stop();
    }
  };

const number =
  (what: string, good: (value: number) => boolean) =>
  (text: string): number => {
    const value = Number(text);
    if (text.trim() === '' || !good(value)) throw new InvalidArgumentError(`Give ${what}.`);
    return value;
  };
const similarity = number('a number from 0 to 1', (value) => value >= 0 && value <= 1);
const position = number('a whole number from 1', (value) => Number.isInteger(value) && value >= 1);
const seconds = number('a number of seconds, 0 or more', (value) => value >= 0 && Number.isFinite(value));
const time = (text: string): string => {
  const parsed = capturedAt.safeParse(text);
  if (!parsed.success) throw new InvalidArgumentError(`${parsed.error.issues[0]?.message}.`);
  return text;
};
const several = (value: string, before: string[]): string[] => [...before, value];

const program = new Command('watchpost')
  .description('A face-recognition watchlist whose message broker is Postgres itself.')
  .version(version)
  .showHelpAfterError('(add --help for more)')
  .showSuggestionAfterError()
  .addHelpText(
    'after',
    `
Examples:
  $ watchpost demo                                        see it work, on photos that come with it
  $ watchpost up                                          database, API and a worker
  $ watchpost work                                        one more worker
  $ watchpost camera add north-gate --location "North gate"
  $ watchpost watchlist add wanted --threshold 0.5
  $ watchpost person add "Ada" --photo ada.jpg --watchlist wanted
  $ watchpost submit frame.jpg --camera north-gate --wait
  $ watchpost sql "select * from watchpost.last_seen"

Settings come from the environment: DATABASE_URL (else an embedded database is used), HOST, PORT, WATCHPOST_DATA,
WATCHPOST_API_KEY, WATCHPOST_CONCURRENCY, WATCHPOST_MAX_BODY_MB, WATCHPOST_MAX_MEGAPIXELS, WATCHPOST_SMALL_FACES,
WATCHPOST_MAX_BACKLOG, WATCHPOST_MAX_BACKLOG_PER_KEY,
WATCHPOST_MODELS, WATCHPOST_DATABASE_PORT, WATCHPOST_HEARTBEAT_MS, WATCHPOST_DEAD_AFTER_S, WATCHPOST_LOG.`,
  );

program
  .command('up')
  .description('Start the database (unless DATABASE_URL is set), the API and a worker')
  .option('--no-worker', 'serve the API only; workers run elsewhere')
  .action(async (options: { worker: boolean }) => {
    const config = readConfig();
    await up(config, openLog(config.logLevel), stopper, options);
  });

program
  .command('work')
  .description('Start one more worker against the same database')
  .action(async () => {
    const config = readConfig();
    await work(config, openLog(config.logLevel), stopper);
  });

program
  .command('migrate')
  .description('Bring the database up to date')
  .action(
    once(async ({ config, log }) => {
      const database = await connect(config, log, stopper);
      const applied = await migrate(database.pool, log);
      process.stdout.write(
        applied.length > 0 ? `applied: ${applied.join(', ')}\n` : 'the database is up to date\n',
      );
      return true;
    }),
  );

program
  .command('submit')
  .description('Submit photos')
  .argument('<photo...>', 'JPEG, PNG or WebP files')
  .option('--camera <name>', 'the camera that took them')
  .option('--captured-at <time>', 'when they were taken, like 2026-11-23T15:04:05Z (default: now)', time)
  .option('--wait', 'wait for the end and tell what was found')
  .option('--json', 'print JSON lines')
  .action(
    once(
      async (
        { config, log },
        photos: string[],
        options: { camera?: string; capturedAt?: string; wait?: boolean; json?: boolean },
      ) => submit(await connect(config, log, stopper), photos, { ...options, maxPixels: config.maxPixels }),
    ),
  );

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

program
  .command('sql')
  .description('Run one SQL statement and print its rows')
  .argument('<statement>')
  .option('--json', 'print JSON')
  .action(
    once(async ({ config, log }, statement: string, options: { json?: boolean }) => {
      await runSql(await connect(config, log, stopper), statement, options.json ?? false);
      return true;
    }),
  );

program
  .command('replay')
  .description('Run a stage again over what it has done, or put dead letters back to work')
  .option('--task <name>', 'detect, embed, match, alert or enrol')
  .option('--image <id>', 'of one photo')
  .option('--camera <name>', 'of the photos of one camera')
  .option('--since <time>', 'of photos taken at or after this time', time)
  .option('--until <time>', 'of photos taken before this time', time)
  .option('--all', 'of every photo')
  .option('--dead-letters', 'put back what was given up (of --task or --image, else all)')
  .option('--dry-run', 'tell what would be gained and lost, and write nothing')
  .option('--json', 'print JSON')
  .addHelpText(
    'after',
    `
Examples:
  $ watchpost replay --task match --since 2026-11-01T00:00:00Z --dry-run
  $ watchpost replay --task match --camera north-gate
  $ watchpost replay --dead-letters --task detect`,
  )
  .action(
    once(async ({ config, log }, options: ReplayOptions) =>
      replayCommand(config, await connect(config, log, stopper), stopper, options),
    ),
  );

for (const verb of ['pause', 'resume'] as const) {
  program
    .command(verb)
    .description(verb === 'pause' ? 'Let no worker take up a task' : 'Let workers take up a task again')
    .argument('<task>', 'detect, embed, match, alert or enrol')
    .action(
      once(async ({ config, log }, task: string) => {
        if (!stageOf(task))
          throw new CommandError(`There is no task ${task}: ${stages.map((s) => s.task).join(', ')}.`);
        const database = await connect(config, log, stopper);
        await database.pool.query(`select watchpost.${verb}($1)`, [task]);
        process.stdout.write(`${task} is ${verb === 'pause' ? 'paused: its jobs wait' : 'at work again'}\n`);
        return true;
      }),
    );
}

program
  .command('verify')
  .description('Compare the record of events with its seals; not 0 if anything was altered, removed or added')
  .option('--head', 'only print the latest seal, a line to keep where nobody here can change it')
  .option('--against <file or digest>', 'check that a line that was kept is still part of the chain')
  .option('--json', 'print JSON')
  .action(
    once(async ({ config, log }, options: { head?: boolean; against?: string; json?: boolean }) =>
      verify(await connect(config, log, stopper, 2), options),
    ),
  );

program
  .command('demo')
  .description('See it work: enrol one woman, submit five group photos, find her in one')
  .option('--once', 'exit when it is done, instead of leaving the server up')
  .option('--json', 'print one JSON object and exit; not 0 unless exactly the one expected alert was raised')
  .action(async (options: { once?: boolean; json?: boolean }) => {
    const config = readConfig();
    const log = openLog(config.logLevel === 'info' ? 'warn' : config.logLevel);
    await demo(config, log, stopper, options);
  });

program
  .command('doctor')
  .description('Check the installation and say what to do about what is wrong')
  .action(once(async ({ config, log }) => doctor(config, log, stopper)));

try {
  await program.parseAsync();
} catch (error) {
  await stopper.stop();
  console.error(explain(error));
  process.exit(1);
}
