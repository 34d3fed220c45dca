-- Alerts with the names of the person, the list and the camera.

create or replace view watchpost.alert_detail with (security_invoker = true) as
select
  a.id,
  a.person_id,
  p.name as person,
  p.external_ref,
  w.id as watchlist_id,
  w.name as watchlist,
  a.severity,
  a.state,
  case
    when a.state in ('open', 'acknowledged') and a.confirmed_by is not null then
      'a second reviewer, other than ' || a.confirmed_by
  end as awaiting,
  a.similarity,
  m.threshold,
  k.name as camera,
  k.location,
  k.zone,
  a.first_seen,
  a.last_seen,
  a.sightings,
  f.image_id,
  f.id as face_id,
  a.retroactive,
  a.reviewers_needed,
  a.acknowledged_by,
  a.acknowledged_at,
  a.confirmed_by,
  a.confirmed_at,
  a.second_confirmed_by,
  a.second_confirmed_at,
  a.dismissed_by,
  a.dismissed_at,
  a.dismissal,
  a.withdrawn_at,
  a.created_at,
  a.xid,
  a.camera_id,
  w.color,
  w.sound,
  w.must_acknowledge
from watchpost.alert as a
join watchpost.person as p on p.id = a.person_id
join watchpost.watchlist as w on w.id = a.watchlist_id
join watchpost.match as m on m.id = a.best_match_id
join watchpost.face as f on f.id = m.face_id
left join watchpost.camera_place as k on k.camera_id = a.camera_id and k.during @> a.last_seen;

comment on view   watchpost.alert_detail          is 'Every alert with names: who, where, how similar, and what was decided. Where is the place of the camera at last_seen.';
comment on column watchpost.alert_detail.awaiting is 'Whom it waits for, when one of two reviewers has confirmed it.';
