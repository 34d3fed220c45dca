import { type Context, Hono } from 'hono';
import { z } from 'zod';
import { WatchpostError } from '../errors.ts';
import { moment, nextOf, pageLimit, searchWord, token } from '../fields.ts';
import { isAdministered, newEvents, type Reader, readEvent, readEvents } from '../watchlist/events.ts';
import { idIn } from './body.ts';
import { EventPoll } from './event-poll.ts';
import { assertScope, operation, wantsEvents } from './operation.ts';
import type { RowStreams } from './row-streams.ts';
import * as answer from './schemas/events.ts';
import type { Served, Services } from './services.ts';

const filter = z.strictObject({
  topic: token.optional(),
  camera: searchWord.optional(),
  person: z.guid().optional(),
  image: z.guid().optional(),
  since: moment.optional(),
  until: moment.optional(),
  after: z.guid().optional(),
  // Without its default: a stream takes none.
  limit: pageLimit.unwrap().optional(),
});

const readerOf = (c: Context<Served>): Reader => ({
  db: c.get('db'),
  administers: c.get('key').scopes.has('administer'),
});

/** GET /v1/events lists events, the latest first, or sends them as they are written; GET /v1/events/{id} has one. */
export const events = ({ database }: Services, streams: RowStreams) => {
  const poll = new EventPoll(database);
  return new Hono<Served>()
    .get(
      '/',
      operation({
        summary: 'List events, the latest first, or get them as they are written, as server-sent events',
        description:
          'With Accept: text/event-stream they come in the order of their transactions, from now on, or since the time of since. Each has its topic in the data. Resume with Last-Event-ID: no event is missed and none comes twice. Events of keys, sites, endpoints, retention, erasures and accesses are for keys that may administer.',
        scope: 'read',
        query: filter,
        headers: z.object({ 'last-event-id': z.string().optional() }),
        answers: { 200: { type: 'text/event-stream', json: answer.eventPage } },
        errors: ['streams_full', 'camera_unknown', 'scope_missing'],
      }),
      async (c) => {
        const { after, limit, ...wanted } = c.req.valid('query');
        if (wanted.topic !== undefined && isAdministered(wanted.topic)) assertScope(c, 'administer');
        if (wantsEvents(c)) {
          for (const [name, value] of Object.entries({ after, limit, until: wanted.until })) {
            if (value !== undefined)
              throw new WatchpostError('query_invalid', `A stream has no end, and takes no ${name}.`);
          }
          const sent = streams.answer(c, {
            begin: (position) => newEvents(readerOf(c), wanted, position),
            subscribe: (wake) => poll.subscribe(wake),
            messageOf: ({ xid: _, ...event }) => ({ data: JSON.stringify(event) }),
          });
          // The client's type is that of the list: who streams does not call json().
          return (await sent) as never;
        }
        const most = limit ?? 100;
        const found = await readEvents(readerOf(c), wanted, { after, limit: most });
        return c.json({ events: found, next: nextOf(found, most, ({ id }) => id) });
      },
    )
    .get(
      '/:id',
      operation({
        summary: 'An event',
        scope: 'read',
        answers: { 200: answer.event },
        errors: ['event_unknown'],
      }),
      async (c) => {
        const id = idIn(c);
        return c.json(await readEvent(readerOf(c), id));
      },
    );
};
