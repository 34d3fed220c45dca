import { expect, it } from 'vitest';
import { migrate } from '../../src/database/migrate.ts';
import { openLog } from '../../src/log.ts';
import { databaseBefore } from '../support/older.ts';

it('takes matches and alerts over that stood side by side before the constraints', async () => {
  const database = await databaseBefore('0010');
  // Six photos, three minutes apart, the third with two faces of one person; each sighting in an alert of its own.
  await database.rows(`
    insert into watchpost.model (id, role, sha256, licence) values ('none', 'detector', repeat('0', 64), 'none');
    insert into watchpost.watchlist (name, cooldown) values ('wanted', '5 minutes');
    insert into watchpost.person (name) values ('Ada');
    do $$
    declare
      seen record;
      new_id uuid;
    begin
      for seen in
        select p.id as person_id, w.id as watchlist_id, n.minute, f.ordinal, 0.5 + n.minute * 0.01 + f.ordinal * 0.001 as similarity,
               '2026-01-01T12:00:00Z'::timestamptz + n.minute * interval '1 minute' as at
        from watchpost.person as p, watchpost.watchlist as w, generate_series(0, 15, 3) as n (minute), generate_series(1, 2) as f (ordinal)
        where f.ordinal = 1 or n.minute = 6
      loop
        insert into watchpost.image (captured_at, byte_length, sha256, idempotency_key)
        values (seen.at, 1, 'x', seen.minute::text)
        on conflict do nothing;
        insert into watchpost.face
          (image_id, detector_id, ordinal, box_x, box_y, box_width, box_height, points, score,
           height_px, sharpness, yaw, pitch, roll, crop)
        select i.id, 'none', seen.ordinal, 0, 0, 1, 1, '{}', 1, 1, 1, 1, 1, 1, ''
        from watchpost.image as i where i.idempotency_key = seen.minute::text
        returning id into new_id;
        insert into watchpost.match (search_id, face_id, person_id, watchlist_id, similarity, threshold)
        values (watchpost.uuidv7(), new_id, seen.person_id, seen.watchlist_id, seen.similarity, 0.45)
        returning id into new_id;
        with alert as (
          insert into watchpost.alert
            (person_id, watchlist_id, place, severity, best_match_id, similarity, first_seen, last_seen)
          values (seen.person_id, seen.watchlist_id, 'nowhere', 'warning', new_id, seen.similarity, seen.at, seen.at)
          returning id
        )
        insert into watchpost.alert_match (match_id, alert_id) select new_id, a.id from alert as a;
      end loop;
    end;
    $$;
  `);

  await migrate(database.pool, openLog('silent'));

  expect(
    await database.rows(
      `select sightings, first_seen, last_seen, round(similarity::numeric, 3)::float8 as similarity
       from watchpost.alert where withdrawn_at is null`,
    ),
  ).toEqual([
    {
      sightings: 6,
      first_seen: new Date('2026-01-01T12:00:00Z'),
      last_seen: new Date('2026-01-01T12:15:00Z'),
      similarity: 0.651,
    },
  ]);
  expect(
    await database.rows(
      `select round(similarity::numeric, 3)::float8 as similarity, superseded_because
       from watchpost.match where superseded_at is not null`,
    ),
  ).toEqual([{ similarity: 0.561, superseded_because: 'outranked' }]);
  expect(await database.rows('select rule, finding from watchpost.invariant')).toEqual([]);
});
