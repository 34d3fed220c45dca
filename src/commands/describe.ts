import type { Database } from '../database/pool.ts';
import { CommandError } from '../errors.ts';

/** What `watchpost describe` was told. */
export interface DescribeOptions {
  readonly past?: boolean;
  readonly note?: string;
}

/** Faces asked for in one transaction: a second or so. */
const batch = 5_000;

const whatItIs = `Age and gender are now estimated for every face that comes in, and kept with it.

  They are guesses by a small network. In its authors' tests the age was wrong by 4.5 years on average (6 between 60
  and 80, 10 beyond), the gender for 5 of 100 faces (for 31 of 100 up to the age of 3, 20 up to 8, 12 up to 18). It
  knows male and female only, errs more for people who are rare in its training photos, and for poor views.
  Nothing here decides by them: no match, no alert. Do not let them decide about a person elsewhere.
  Many laws treat this as processing of sensitive data: know your legal basis, say so on the sign at the camera, and
  see sql/examples/forget-ages-and-genders.sql for how long you keep them.
`;

/**
 * `watchpost describe on|off`: switches the estimates of age and gender on or off, on record.
 *
 * @throws {CommandError} if faces of the past are asked for while switching off.
 */
export const describeCommand = async (
  database: Database,
  state: 'on' | 'off',
  options: DescribeOptions,
): Promise<void> => {
  if (options.past && state === 'off') {
    throw new CommandError('--past goes with on: it has faces described that are there already.');
  }
  const { rows } = await database.pool.query<{ changed: boolean }>(
    `select watchpost.switch_task('describe', $1, $2) as changed`,
    [state === 'on', options.note ?? null],
  );
  const changed = rows[0]?.changed ?? false;
  if (state === 'on') process.stdout.write(`${whatItIs}\n`);
  else
    process.stdout.write(
      'Age and gender are not estimated any more. What was estimated stays, and what is\n' +
        'queued is still done: "watchpost pause describe" holds it.\n',
    );
  process.stdout.write(
    changed
      ? 'This is on record: event subscription.changed.\n'
      : `It was ${state} already: nothing changed.\n`,
  );
  if (options.past) await describePast(database);
};

/** What one call of `watchpost.describe_past` did. */
interface Asked {
  readonly requested: number;
  readonly without_photo: number;
  /** The last face looked at; null: there was none left. */
  readonly last: string | null;
}

const describePast = async (database: Database): Promise<void> => {
  let requested = 0;
  let withoutPhoto = 0;
  let last: string | null = null;
  do {
    const asked = await askForPast(database, last);
    requested += asked.requested;
    withoutPhoto += asked.without_photo;
    last = asked.last;
  } while (last !== null);
  process.stdout.write(
    `${requested} faces of the past will be described, as fast as the workers come to it.\n`,
  );
  if (withoutPhoto > 0) {
    process.stdout.write(`${withoutPhoto} can not be: their photos were dropped.\n`);
  }
};

const askForPast = async (database: Database, before: string | null): Promise<Asked> => {
  const { rows } = await database.pool.query<Asked>(
    'select requested, without_photo, last from watchpost.describe_past($1, $2)',
    [before, batch],
  );
  return rows[0] as Asked;
};
