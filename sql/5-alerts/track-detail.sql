-- Tracks with the camera's name and place, and what was decided.

create or replace view watchpost.track_detail with (security_invoker = true) as
select
  t.id,
  t.camera_id,
  k.name as camera,
  k.location,
  k.zone,
  t.began_at,
  t.ended_at,
  t.faces,
  t.looks,
  t.quality,
  t.face_id,
  f.image_id,
  t.revision,
  s.outcome as decision,
  m.person_id,
  m.person,
  m.watchlist,
  coalesce(s.similarity, m.similarity) as similarity,
  m.alert_id,
  t.created_at
from watchpost.track as t
left join watchpost.camera_place as k on k.camera_id = t.camera_id and k.during @> t.began_at
left join watchpost.face as f on f.id = t.face_id
left join lateral (
  select s.outcome, s.similarity
  from watchpost.search as s
  where s.face_id = t.face_id
    and s.superseded_at is null
    and s.id >= watchpost.uuidv7_at(t.created_at - interval '1 second')
  limit 1
) as s on true
left join lateral (
  select m.person_id, p.name as person, w.name as watchlist, m.similarity, am.alert_id
  from watchpost.match as m
  join watchpost.person as p on p.id = m.person_id
  join watchpost.watchlist as w on w.id = m.watchlist_id
  left join watchpost.alert_match as am on am.match_id = m.id
  where m.face_id = t.face_id and m.superseded_at is null
  order by w.name
  limit 1
) as m on true
-- Of one whose faces are all being detected again there is nothing to say.
where t.faces > 0;

comment on view   watchpost.track_detail            is 'Every track with where it was and whom it was taken for.';
comment on column watchpost.track_detail.decision   is 'search.outcome of the search that stands; null: it was not searched yet, or has no good face, or its search is not kept any more.';
comment on column watchpost.track_detail.person_id  is 'Whom it is matched with; null: nobody.';
comment on column watchpost.track_detail.watchlist  is 'Of several lists the first by name, and its alert.';
comment on column watchpost.track_detail.similarity is 'Of the fused vector to the nearest person, as it was searched last.';
