import { setTimeout as sleep } from 'node:timers/promises';
import { isDatabaseAway } from '../database-errors.ts';
import { type Event, type EventFilter, newEvents, type Reader, readEvents } from '../watchlist/events.ts';
import { connect } from './program/connect.ts';
import { findOnePerson, personArgument } from './program/find-person.ts';
import { type Io, print, printJson } from './program/io.ts';
import { countOption, identifier, momentOption, searched, severalTokens } from './program/options.ts';
import { type Paint, paintFor, type Style } from './program/paint.ts';
import type { AddCommand, Context } from './program/session.ts';
import { oneLine } from './program/table.ts';
import { type Names, namesOf } from './tail-names.ts';

interface TailOptions {
  readonly lines: number;
  readonly topic?: string[];
  readonly camera?: string;
  readonly person?: string;
  readonly image?: string;
  readonly since?: string;
  readonly follow: boolean;
  readonly json?: boolean;
}

/** tail: events as they happen. */
export const tailCommand: AddCommand = (program, session) =>
  program
    .command('tail')
    .description('Print events as they happen, after the last ones')
    .option('-n, --lines <number>', 'how many of the past to begin with', countOption, 10)
    .option(
      '--topic <pattern>',
      'of this topic, like alert.raised or "alert.*"; may be repeated',
      severalTokens,
    )
    .option('--camera <name>', 'of photos of this camera', searched)
    .option('--person <person>', `about this person: ${personArgument}`, searched)
    .option('--image <id>', 'of this photo', identifier)
    .option('--since <time>', 'since this time, in place of the last ones', momentOption)
    .option('--no-follow', 'print those of the past and end')
    .option('--json', 'print JSON lines, with all that an event says')
    .addHelpText(
      'after',
      `
  Examples:
    $ watchpost tail --topic "alert.*"
    $ watchpost tail --camera north-gate --since 2026-11-23T15:00:00Z --no-follow
    $ watchpost tail --json | jq -c 'select(.topic == "alert.raised")'`,
    )
    .action(session.action(tail));

/** Milliseconds between two reads. */
const pause = 500;
/** Events of the past that are read at a time. */
const pageSize = 1000;

/** Every event is printed once, in the order of the transactions that wrote them. An outage is waited out. */
const tail = async (context: Context, options: TailOptions): Promise<void> => {
  const database = await connect(context);
  const reader: Reader = { db: database.db, administers: true };
  const { camera, image, since, follow } = options;
  const person = options.person && (await findOnePerson(database.db, options.person)).id;
  const wanted: EventFilter = { camera, image, since, person };
  const show = async (events: readonly Event[]): Promise<void> => {
    const names = options.json ? undefined : await namesOf(database, events);
    for (const event of events)
      if (names === undefined) printJson(context.io, event);
      else printEvent(context.io, event, names.get(event.id));
  };
  // The position is taken first, so that nothing is missed between; what is committed between is in both.
  const fresh = await newEvents(reader, { ...wanted, since: undefined });
  const isWanted = topicFilter(options.topic);
  const past = await lastEvents(reader, wanted, isWanted, since === undefined ? options.lines : undefined);
  await show(past);
  if (!follow) return;
  const shown = new Set(past.map(({ id }) => id));
  const stopping = new AbortController();
  context.stopper.add(async () => stopping.abort());
  void context.untilSignal();
  let away = false;
  while (!stopping.signal.aborted) {
    try {
      const found = await fresh.next();
      if (away) context.io.stderr.write('the database is back\n');
      away = false;
      await show(found.map(({ row }) => row).filter(({ id, topic }) => isWanted(topic) && !shown.has(id)));
      if (found.length > 0) continue;
    } catch (error) {
      if (stopping.signal.aborted) return;
      if (!isDatabaseAway(error)) throw error;
      if (!away) context.io.stderr.write('the database is away; waiting for it\n');
      away = true;
    }
    await sleep(pause, undefined, { signal: stopping.signal }).catch(() => {});
  }
};

const topicFilter = (patterns: readonly string[] = []): ((topic: string) => boolean) => {
  const forms = patterns.map(
    (pattern) => new RegExp(`^${pattern.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*')}$`),
  );
  return (topic) => forms.length === 0 || forms.some((form) => form.test(topic));
};

/**
 * The last events, oldest first.
 *
 * @param most undefined: all that meet the filter.
 */
const lastEvents = async (
  reader: Reader,
  wanted: EventFilter,
  isWanted: (topic: string) => boolean,
  most = Number.POSITIVE_INFINITY,
): Promise<Event[]> => {
  const found: Event[] = [];
  let after: string | undefined;
  while (found.length < most) {
    const page = await readEvents(reader, wanted, { after, limit: pageSize });
    found.push(...page.filter(({ topic }) => isWanted(topic)));
    after = page.at(-1)?.id;
    if (page.length < pageSize) break;
  }
  return found.slice(0, most).reverse();
};

/** Each kind of event has its colour: what to act on stands out from what merely passes. */
const styles: readonly (readonly [RegExp, Style])[] = [
  [/^alert\.raised$/, ['red', 'bold']],
  [/^alert\./, 'red'],
  [/(failed|lost|refused|silent|old|held)$/, 'magenta'],
  [/^match\./, 'yellow'],
  [/^(image|face|photo|backfill)\./, 'gray'],
  [/^(person|watchlist|cannot_link|stranger)/, 'cyan'],
];

const printEvent = (io: Io, event: Event, names: Names | undefined): void => {
  const paint = paintFor(io);
  const style = styles.find(([form]) => form.test(event.topic))?.[1] ?? 'blue';
  const time = event.created_at.toISOString().slice(0, 23).replace('T', ' ');
  print(
    io,
    [paint('gray', time), paint(style, event.topic.padEnd(22)), ...describe(event, names, paint)].join('  '),
  );
};

/** What people read of an event: who, where, how alike, what changed, and the ids by which more is found. */
const describe = (
  { payload, subject_id, image_id, erased }: Event,
  names: Names | undefined,
  paint: Paint,
): string[] => {
  const { camera, person, watchlist, similarity } = names ?? {};
  const text = (key: string): string | undefined =>
    typeof payload[key] === 'string' ? (payload[key] as string) : undefined;
  const who = person ?? text('name');
  return [
    who && paint('bold', oneLine(who)),
    watchlist && `list ${oneLine(watchlist)}`,
    camera && camera !== who && `at ${oneLine(camera)}`,
    typeof similarity === 'number' && similarity.toFixed(3),
    text('change') ?? text('decision'),
    text('by') && `by ${oneLine(text('by')!)}`,
    erased && '(erased)',
    paint('gray', image_id ? `image ${image_id}` : subject_id),
  ].filter((part) => typeof part === 'string' && part !== '') as string[];
};
