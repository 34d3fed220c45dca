import { Command } from 'commander';
import { explain } from './commands/explain.ts';
import { addAlerts } from './commands/program/alerts.ts';
import { addCalibration } from './commands/program/calibration.ts';
import { stopper } from './commands/program/context.ts';
import { addDescription } from './commands/program/description.ts';
import { addEndpoints } from './commands/program/endpoints.ts';
import { addLists } from './commands/program/lists.ts';
import { addPeople } from './commands/program/people.ts';
import { addPhotos } from './commands/program/photos.ts';
import { addProcesses } from './commands/program/processes.ts';
import { addRecord } from './commands/program/record.ts';
import { addTransfer } from './commands/program/transfer.ts';
import { addUnknowns } from './commands/program/unknowns.ts';
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
WATCHPOST_API_KEY, WATCHPOST_CONCURRENCY, WATCHPOST_MAX_BODY_MB, WATCHPOST_MAX_MEGAPIXELS, WATCHPOST_SMALL_FACES,
WATCHPOST_MAX_BACKLOG, WATCHPOST_MAX_BACKLOG_PER_KEY,
WATCHPOST_WEBHOOK_HTTP,
WATCHPOST_MODELS, WATCHPOST_DATABASE_PORT, WATCHPOST_HEARTBEAT_MS, WATCHPOST_DEAD_AFTER_S, WATCHPOST_LOG.`,
  );

addProcesses(program);
addPhotos(program);
addPeople(program);
addLists(program);
addTransfer(program);
addAlerts(program);
addEndpoints(program);
addCalibration(program);
addRecord(program);
addUnknowns(program);
addDescription(program);

try {
  await program.parseAsync();
} catch (error) {
  await stopper.stop();
  console.error(explain(error));
  process.exit(1);
}
