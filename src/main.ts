import { Command } from 'commander';
import { explain } from './commands/explain.ts';
import { stopper } from './commands/program/context.ts';
import { version } from './version.ts';

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
  $ watchpost import people/ --watchlist wanted
  $ watchpost submit frame.jpg --camera north-gate --wait
  $ watchpost alert list --state open
  $ watchpost endpoint add guards https://guards.example/hook --min-severity critical
  $ watchpost sql "select * from watchpost.last_seen"

Settings come from the environment: DATABASE_URL (else an embedded database is used), HOST, PORT, WATCHPOST_DATA,
WATCHPOST_API_KEY, WATCHPOST_CONCURRENCY, WATCHPOST_MAX_BODY_MB, WATCHPOST_MAX_MEGAPIXELS,
WATCHPOST_MAX_BACKLOG, WATCHPOST_MAX_BACKLOG_PER_KEY,
WATCHPOST_WEBHOOK_HTTP,
WATCHPOST_MODELS, WATCHPOST_YUNET, WATCHPOST_YUNET_THRESHOLD, WATCHPOST_DATABASE_PORT, WATCHPOST_HEARTBEAT_MS, WATCHPOST_DEAD_AFTER_S, WATCHPOST_LOG.`,
  );

/** What adds which commands, in the order of the help. */
const groups: readonly (readonly [names: string, add: () => Promise<(program: Command) => void>])[] = [
  ['up work migrate demo doctor', async () => (await import('./commands/program/processes.ts')).addProcesses],
  ['submit', async () => (await import('./commands/program/photos.ts')).addPhotos],
  ['camera person', async () => (await import('./commands/program/people.ts')).addPeople],
  ['watchlist', async () => (await import('./commands/program/lists.ts')).addLists],
  ['import export', async () => (await import('./commands/program/transfer.ts')).addTransfer],
  ['alert', async () => (await import('./commands/program/alerts.ts')).addAlerts],
  ['endpoint', async () => (await import('./commands/program/endpoints.ts')).addEndpoints],
  ['calibrate', async () => (await import('./commands/program/calibration.ts')).addCalibration],
  ['sql', async () => (await import('./commands/program/sql.ts')).addSql],
  ['replay pause resume verify', async () => (await import('./commands/program/record.ts')).addRecord],
  ['strangers', async () => (await import('./commands/program/strangers.ts')).addStrangers],
  ['describe', async () => (await import('./commands/program/description.ts')).addDescription],
];

// Of a command that is known just its own group is loaded: with models and server in it a start took 0.8 s.
const asked = groups.filter(([names]) => names.split(' ').includes(process.argv[2] ?? ''));
for (const [, add] of asked.length > 0 ? asked : groups) (await add())(program);

try {
  await program.parseAsync();
} catch (error) {
  await stopper.stop();
  console.error(explain(error));
  process.exit(1);
}
