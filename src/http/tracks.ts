import { Hono } from 'hono';
import { z } from 'zod';
import { WatchpostError } from '../errors.ts';
import { moment, searchWord } from '../fields.ts';
import { listTracks, readTrackViews, searchOutcomes } from '../watchlist/registry.ts';
import { idIn } from './body.ts';
import { cropPath } from './crop-path.ts';
import { listing } from './listing.ts';
import { operation } from './operation.ts';
import { track, trackReport } from './schemas/tracks.ts';
import type { Served } from './services.ts';

const filter = z.strictObject({
  camera: searchWord.optional(),
  person: z.guid().optional().meta({ description: 'Tracks that are matched with them.' }),
  decision: z.enum(searchOutcomes).optional(),
  since: moment.optional(),
  until: moment.optional(),
});

/** GET /v1/tracks lists the passages of people before cameras, GET /v1/tracks/{id} has one with its faces. */
export const tracks = () =>
  new Hono<Served>()
    .get(
      '/',
      ...listing({
        summary: 'List people followed over frames, those that came last first',
        description: 'since and until: tracks that were there at a time between them.',
        scope: 'read',
        name: 'tracks',
        item: track,
        filter,
        errors: ['camera_unknown', 'track_unknown'],
        read: listTracks,
      }),
    )
    .get(
      '/:id',
      operation({
        summary: 'A track with its faces',
        scope: 'read',
        answers: { 200: trackReport },
        errors: ['track_unknown'],
      }),
      async (c) => {
        const id = idIn(c);
        const [found] = await listTracks(c.get('db'), { id, limit: 1 });
        if (!found) throw new WatchpostError('track_unknown', `There is no track ${id}.`);
        const views = await readTrackViews(c.get('db'), id);
        return c.json({
          ...found,
          views: views.map((view) => ({ ...view, crop_url: cropPath(view.face_id) })),
        });
      },
    );
