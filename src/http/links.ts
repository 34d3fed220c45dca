import { Hono } from 'hono';
import { html } from 'hono/html';
import { type Kysely, sql } from 'kysely';
import { fromStored } from '../database/at-rest.ts';
import type { DB } from '../database/types.generated.ts';
import { openLink } from '../endpoints/links.ts';
import { WatchpostError } from '../errors.ts';
import { recordAccess } from '../watchlist/registry.ts';
import { operation } from './operation.ts';
import type { Served, Services } from './services.ts';

interface Shown {
  readonly id: string;
  readonly person: string;
  readonly watchlist: string;
  readonly severity: string;
  readonly state: string;
  readonly camera: string | null;
  readonly location: string | null;
  readonly similarity: number;
  readonly last_seen: Date;
  readonly face_id: string;
}

const errors = ['link_invalid', 'link_expired'] as const;

/**
 * GET /links/{token} and /links/{token}/crop: what a link in a message shows, without a key: one alert and the crop of its best
 * face, and nothing else. Each reading of the crop is on record.
 */
export const links = ({ database }: Services) =>
  new Hono<Served>()
    .get(
      '/:token',
      operation({
        summary: 'What a link in a message shows: an alert, without a key',
        scope: null,
        answers: { 200: { type: 'text/html' } },
        errors: [...errors],
      }),
      async (c) => {
        const token = c.req.param('token');
        const shown = await readShown(database.db, token);
        return c.body(pageOf(shown, token).toString(), 200, {
          'content-type': 'text/html; charset=utf-8',
          'content-security-policy': `default-src 'none'; img-src 'self'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
          'referrer-policy': 'no-referrer',
          'x-robots-tag': 'noindex',
        });
      },
    )
    .get(
      '/:token/crop',
      operation({
        summary: 'The crop of the alert that a link leads to, without a key',
        description: 'Each reading is on record as made by a link; within a minute it is counted.',
        scope: null,
        answers: { 200: { type: ['image/png', 'image/jpeg'] } },
        errors: [...errors, 'encryption_key_missing', 'encryption_key_destroyed'],
      }),
      async (c) => {
        const { face_id: id } = await readShown(database.db, c.req.param('token'));
        const stored = await database.db.transaction().execute(async (trx) => {
          await sql`
            select
              set_config('watchpost.actor', 'link', true), set_config('watchpost.request_id', ${c.get('requestId')}, true)
          `.execute(trx);
          const face = await trx
            .selectFrom('watchpost.face')
            .select('crop')
            .where('id', '=', id)
            .executeTakeFirst();
          if (!face?.crop) throw gone();
          await recordAccess(trx, { action: 'crop', subject: { kind: 'face', id } });
          return face.crop;
        });
        const crop = await fromStored(database.db, stored);
        return c.body(new Uint8Array(crop), 200, {
          'content-type': crop[0] === 0x89 ? 'image/png' : 'image/jpeg',
          'referrer-policy': 'no-referrer',
        });
      },
    );

/** Of an alert that was withdrawn or deleted nothing is shown any more. */
const gone = () => new WatchpostError('link_invalid', 'This link leads nowhere.');

const readShown = async (db: Kysely<DB>, token: string): Promise<Shown> => {
  const id = await openLink(db, token);
  const { rows } = await sql<Shown>`
    select
      d.id, d.person, d.watchlist, d.severity, d.state, d.camera, d.location, d.similarity, d.last_seen, d.face_id
    from watchpost.alert_detail as d
    where d.id = ${id} and d.withdrawn_at is null
  `.execute(db);
  if (!rows[0]) throw gone();
  return rows[0];
};

const pageOf = (shown: Shown, token: string) => {
  const place = [shown.camera, shown.location].filter(Boolean).join(', ');
  const time = `${shown.last_seen.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
  return html`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>${shown.person} (${shown.watchlist})</title>
<h1>${shown.person}</h1>
<p><img src="/links/${token}/crop" alt="The face that was seen" width="224" height="224"></p>
<dl>
<dt>List<dd>${shown.watchlist}
<dt>Severity<dd>${shown.severity}
<dt>Seen<dd>${time}${place ? `, ${place}` : ''}
<dt>Similarity<dd>${shown.similarity.toFixed(2)}
<dt>State<dd>${shown.state}
</dl>
<p><a href="/console/alerts/${shown.id}">Open it in the console</a>
</html>`;
};
