import type { Database } from '../database/pool.ts';
import type { Event } from '../watchlist/events.ts';

/** The names of what an event is about; null where there is none, or it is gone. */
export interface Names {
  readonly camera: string | null;
  readonly person: string | null;
  readonly watchlist: string | null;
  readonly similarity: number | null;
}

/** The names for each event, by its id, in one query. */
export const namesOf = async (
  { pool }: Database,
  events: readonly Pick<Event, 'id' | 'topic' | 'image_id' | 'subject_id' | 'payload'>[],
): Promise<Map<string, Names>> => {
  if (events.length === 0) return new Map();
  const { rows } = await pool.query<Names & { id: string }>(
    `select e.id, c.name as camera, p.name as person, w.name as watchlist, coalesce(a.similarity, m.similarity) as similarity
     from jsonb_to_recordset($1) as e (id uuid, image_id uuid, camera_id uuid, alert_id uuid, match_id uuid, person_id uuid, watchlist_id uuid)
     left join watchpost.image as i on i.id = e.image_id
     left join watchpost.camera as c on c.id = coalesce(i.camera_id, e.camera_id)
     left join watchpost.alert as a on a.id = e.alert_id
     left join watchpost.match as m on m.id = e.match_id
     left join watchpost.person as p on p.id = coalesce(e.person_id, a.person_id, m.person_id)
     left join watchpost.watchlist as w on w.id = coalesce(e.watchlist_id, a.watchlist_id, m.watchlist_id)`,
    [JSON.stringify(events.map(idsOf))],
  );
  return new Map(rows.map((row) => [row.id, row]));
};

const idsOf = ({ id, image_id, payload }: Pick<Event, 'id' | 'image_id' | 'payload'>) => {
  const { camera_id, alert_id, match_id, person_id, watchlist_id } = payload;
  return { id, image_id, camera_id, alert_id, match_id, person_id, watchlist_id };
};
