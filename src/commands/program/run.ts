import { Command, CommanderError, Help } from 'commander';
import { settings } from '../../config.ts';
import { hideSecrets } from '../../database-url.ts';
import { version } from '../../version.ts';
import { commands } from '../catalogue.ts';
import { explain } from './explain.ts';
import type { Io } from './io.ts';
import { Session } from './session.ts';

/**
 * Runs one command of the program.
 *
 * @param args without the names of the interpreter and the program.
 * @returns the exit code: 0, or 1 if something is wrong; its explanation was written to stderr. Nothing that the command
 *   started is left, except after a second signal.
 */
export const run = async (args: readonly string[], io: Io): Promise<number> => {
  const session = new Session(io);
  try {
    const program = await buildProgram(args, session);
    return await session.finish(program.parseAsync(args, { from: 'user' }));
  } catch (error) {
    // Commander has written its own messages, and ends like this after --help and --version, too.
    if (error instanceof CommanderError) return error.exitCode;
    io.stderr.write(`${hideSecrets(explain(error))}\n`);
    return 1;
  }
};

/** Loads only the file of the command that is run, if it is known: with models and server a start takes twice the time. */
export const buildProgram = async (args: readonly string[], session: Session): Promise<Command> => {
  const { stdout, stderr } = session.io;
  const program = new Command('watchpost')
    .description('A face-recognition watchlist whose message broker is Postgres itself.')
    .version(version)
    .showHelpAfterError('(add --help for more)')
    .showSuggestionAfterError()
    .addHelpText('after', ({ command }) => {
      const names = Object.keys(settings.shape).join(' ');
      return examples + command.createHelp().boxWrap(names, 110);
    })
    .exitOverride()
    .configureHelp({ optionDescription })
    .configureOutput({ writeOut: (text) => stdout.write(text), writeErr: (text) => stderr.write(text) });
  const asked = commands.filter(({ names }) => names.includes(args[0] ?? ''));
  const needed = asked.length > 0 && !asked.some(({ ofAll }) => ofAll) ? asked : commands;
  for (const { load } of needed) (await load())(program, session);
  giveJson(program, session);
  return program;
};

/** As Commander has it, but without a default that is an empty list or object, which tells nobody anything. */
const optionDescription: Help['optionDescription'] = (option) =>
  new Help().optionDescription(option).replace(/ \(default: (\[\]|\{\})\)$/, '');

/** Adds --json to every command that does not have it itself. */
const giveJson = (command: Command, session: Session): void => {
  for (const below of command.commands) giveJson(below, session);
  const isLeaf =
    command.commands.length === 0 && command.parent !== null && !notForPrograms.has(command.name());
  if (!isLeaf || command.options.some(({ long }) => long === '--json')) return;
  command.option('--json', 'print JSON lines');
  session.jsonLines.add(command);
};

/** Commands whose output is read by a shell. */
const notForPrograms = new Set(['completion', 'complete']);

const examples = `
Examples:
  $ watchpost demo                                        see it work, on photos that come with it
  $ watchpost up                                          database, API and a worker
  $ watchpost work                                        one more worker
  $ watchpost camera add north-gate --location "North gate"
  $ watchpost watchlist add wanted --threshold 0.5
  $ watchpost person add "Ada" --photo ada.jpg --watchlist wanted
  $ watchpost import people/ --watchlist wanted
  $ watchpost submit frame.jpg --camera north-gate --wait
  $ watchpost search visitor.jpg                          who is in a photo, without submitting it
  $ watchpost watch /srv/ftp --camera-from-folder         submit what cameras upload
  $ watchpost tail --topic "alert.*"                      events as they happen
  $ watchpost status                                      what waits, workers, alarms
  $ watchpost alert list --state open
  $ watchpost key create "gate camera" --scope submit --camera north-gate
  $ watchpost endpoint add guards https://guards.example/hook --min-severity critical
  $ watchpost evaluate people/                            how well it recognizes your own photos
  $ watchpost sql "select * from watchpost.last_seen"

Settings come from the environment, secrets also from a file, as in DATABASE_PASSWORD_FILE. Without DATABASE_URL an
embedded database is used. docs/settings.md says what each does.
`;
