import { CommandError } from '../../errors.ts';
import { createKey } from '../../http/key-store.ts';
import { untilEnded } from '../../intake/index.ts';
import { addToWatchlist, addWatchlist } from '../../watchlist/registry.ts';
import { bodyOf } from '../program/api.ts';
import { print, printJson } from '../program/io.ts';
import { StartProgress } from '../program/progress.ts';
import type { AddCommand, Context } from '../program/session.ts';
import { addressesOf, bringUp, type Up } from '../up.ts';
import { Narrator } from './narrator.ts';
import { type DemoReport, readReport, showReport } from './report.ts';
import { type Called, clientOf, photoOf, submitFrames } from './submit-frames.ts';

/** demo: shows a real installation processing photos. */
export const demoCommand: AddCommand = (program, session) =>
  program
    .command('demo')
    .description('See it work: enrol one woman, submit five group photos, find her in one')
    .option('--once', 'exit when it is done, instead of leaving the server up')
    .option(
      '--json',
      'print one JSON object and exit; not 0 unless exactly the one expected alert was raised',
    )
    .action(session.action(demo));

/** Who is enrolled: the woman in the middle, the second face from the left. */
const reference = { name: 'Ada', photo: 'sample3.jpg', face: 2 };

/**
 * Enrols one woman from one group photo and finds her in another, through a real server.
 *
 * @returns false unless exactly the one expected alert was raised.
 */
const demo = async (context: Context, options: { once?: boolean; json?: boolean }): Promise<boolean> => {
  const { io } = context;
  const ended = context.untilSignal();
  const say = (text: string): void => {
    if (!options.json) print(io, text);
  };
  const brief = Boolean(options.json || options.once);
  const up = await withKey(await start(context, { brief, silent: Boolean(options.json) }));
  const narrator = new Narrator(up.database, say);

  const { watchlistId } = await enrol(up, narrator);
  say('\nSubmitting five photos: two by POST, two by SQL INSERT, one by the command line.\n');
  const submissions = await submitFrames(up, io.environment, narrator);
  await Promise.all(submissions.map(({ imageId }) => untilEnded(up.database, imageId)));
  await narrator.finish();

  const report = await readReport(up.database, watchlistId, submissions, up.kind);
  const good = isExpected(report);
  say(`\n${showReport(report)}\n`);
  if (options.json) printJson(io, report.json);
  if (!good)
    io.stderr.write('The demo did not raise exactly the one alert it should have: Ada in sample1.jpg.\n');
  if (brief) return good;

  say(`The server stays up. Look at the alert in the console, and log in with the API key:
  ${new URL(`/console/alerts/${report.alertId ?? ''}`, up.url).href}
${addressesOf(up)}
Ask it where she was seen last, in another terminal:
  npm run watchpost -- sql "select person, location, seen_at, similarity from watchpost.last_seen"
Start a second worker:
  npm run worker
Stop with Ctrl-C.`);
  return ended;
};

/** Starts the server, and shows how far that is unless it is to be silent. */
const start = async (context: Context, options: { brief: boolean; silent: boolean }): Promise<Up> => {
  const progress = new StartProgress(context.io.stderr);
  const show = options.silent ? () => {} : progress.begin.bind(progress);
  try {
    return await bringUp(context, { worker: true, brief: options.brief }, show);
  } finally {
    progress.end();
  }
};

/** The key of the installation or, where it has given none to this process, one of the demo's own. */
const withKey = async (up: Up): Promise<Called> => {
  if (up.firstKey.key !== undefined) return { ...up, key: up.firstKey.key };
  const now = Date.now();
  const { key } = await createKey(up.database.db, {
    name: `demo ${new Date(now).toISOString()}`,
    scopes: ['submit', 'enrol'],
    expires_at: new Date(now + 3_600_000).toISOString(),
  });
  return { ...up, key };
};

const isExpected = ({ json }: DemoReport): boolean => {
  const [alert, ...others] = json.alerts;
  return others.length === 0 && alert?.person === reference.name && alert.photo === 'sample1.jpg';
};

/** Adds cameras, a list for this run, and the person; waits until she is enrolled. */
const enrol = async (up: Called, narrator: Narrator): Promise<{ watchlistId: string }> => {
  const { database } = up;
  // The lists of earlier demos have the same woman on them, and must not match her again.
  await database.pool.query(
    `update watchpost.watchlist set enabled = false where purpose = 'demo' and enabled`,
  );
  await database.pool.query(`
    insert into watchpost.camera (name, location, zone)
    values ('demo north gate', 'North gate', 'outside'), ('demo lobby', 'Lobby, ground floor', 'inside')
    on conflict do nothing
  `);
  const list = await addWatchlist(database.db, { name: `demo ${new Date().toISOString()}`, purpose: 'demo' });

  const { persons } = clientOf(up).v1;
  const person = await bodyOf(persons.$post({ json: { name: reference.name } }));
  await addToWatchlist(database.db, list.id, person.id);
  const form = {
    image: await photoOf(reference.photo),
    face: String(reference.face),
    // An earlier demo has enrolled her, too.
    accept: 'face_of_another',
  };
  const photo = await bodyOf(persons[':id'].photos.$post({ param: { id: person.id }, form }));
  narrator.follow(photo.image_id, reference.photo, 'enrol');
  const { state, message } = await untilEnded(database, photo.image_id);
  if (state !== 'done') throw new CommandError(`${reference.name} was not enrolled: ${message}`);
  return { watchlistId: list.id };
};
