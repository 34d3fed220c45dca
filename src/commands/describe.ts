import { Argument } from 'commander';
import type { Database } from '../database/pool.ts';
import { CommandError } from '../errors.ts';
import { connect } from './program/connect.ts';
import { type Io, print } from './program/io.ts';
import { words } from './program/options.ts';
import type { AddCommand, Context } from './program/session.ts';

interface DescribeOptions {
  readonly past?: boolean;
  readonly note?: string;
}

/** describe: whether age and gender are estimated. */
export const describeCommand: AddCommand = (program, session) =>
  program
    .command('describe')
    .description('Switch estimates of age and gender on or off (they are off at first)')
    .addArgument(new Argument('<state>', 'whether faces are to be described').choices(['on', 'off']))
    .option('--past', 'with on: also describe the faces that are stored already')
    .option('--note <words>', 'why, and who decided it; kept on record', words)
    .action(session.action(switchDescribing));

/** Faces that one transaction makes events for; it takes about a second. */
const batch = 5_000;

const whatItIs = `Age and gender are now estimated for every face that comes in, and kept with it.

  They are guesses by a small network. In its authors' tests the age was wrong by 4.5 years on average (6 between 60
  and 80, 10 beyond), the gender for 5 of 100 faces (for 31 of 100 up to the age of 3, 20 up to 8, 12 up to 18). It
  knows male and female only, errs more for people who are rare in its training photos, and for poor views.
  Nothing here decides by them: no match, no alert. Do not let them decide about a person elsewhere.
  Many laws treat this as processing of sensitive data: know your legal basis, say so on the sign at the camera, and
  see sql/examples/forget-ages-and-genders.sql for how long you keep them.
`;

/** @throws {CommandError} if faces of the past are to be described while it is switched off. */
const switchDescribing = async (
  context: Context,
  state: 'on' | 'off',
  options: DescribeOptions,
): Promise<void> => {
  if (options.past && state === 'off') {
    throw new CommandError('--past goes with on: it has faces described that are there already.');
  }
  const { io } = context;
  const database = await connect(context);
  const { rows } = await database.pool.query<{ changed: boolean }>(
    `select watchpost.switch_task('describe', $1, $2) as changed`,
    [state === 'on', options.note ?? null],
  );
  const changed = rows[0]?.changed ?? false;
  if (state === 'on') print(io, whatItIs);
  else
    print(
      io,
      'Age and gender are not estimated any more. What was estimated stays, and what is\nqueued is still done: "watchpost pause describe" holds it.',
    );
  print(
    io,
    changed ? 'This is on record: event subscription.changed.' : `It was ${state} already: nothing changed.`,
    { describe: state, changed },
  );
  if (options.past) await describePast(io, database);
};

/** What one call of `watchpost.describe_past` did. */
interface Asked {
  readonly requested: number;
  readonly without_photo: number;
  /** The last face of the batch; null: there was none left. */
  readonly last: string | null;
}

const describePast = async (io: Io, database: Database): Promise<void> => {
  let requested = 0;
  let withoutPhoto = 0;
  let last: string | null = null;
  do {
    const asked = await askForPast(database, last);
    requested += asked.requested;
    withoutPhoto += asked.without_photo;
    last = asked.last;
  } while (last !== null);
  print(io, `${requested} faces of the past will be described, as fast as the workers come to it.`, {
    requested,
    without_photo: withoutPhoto,
  });
  if (withoutPhoto > 0) print(io, `${withoutPhoto} cannot be: their photos were dropped.`);
};

const askForPast = async (database: Database, before: string | null): Promise<Asked> => {
  const { rows } = await database.pool.query<Asked>(
    'select requested, without_photo, last from watchpost.describe_past($1, $2)',
    [before, batch],
  );
  return rows[0] as Asked;
};
