-- What must hold of tracks: they have the faces that they count, of their own camera, and one search.

create or replace function watchpost.find_wrong_tracks(from_key uuid) returns table (
  rule text, subject text, finding text, remedy text
)
language sql stable
begin atomic
  select
    'track_of_another_camera',
    f.id::text,
    format('The face is of the camera %s, and its track %s of the camera %s.', i.camera_id, t.id, t.camera_id),
    'The record was changed directly; "watchpost verify" shows since when.'
  from watchpost.track as t
  join watchpost.face as f on f.track_id = t.id
  join watchpost.image as i on i.id = f.image_id
  where t.id >= from_key and i.camera_id is distinct from t.camera_id

  union all
  select
    'track_miscounted',
    t.id::text,
    format('The track counts %s faces, %s of them good, and has %s and %s.', t.faces, t.looks, n.faces, n.looks),
    'Count again: select watchpost.refresh_tracks(''{' || t.id || '}'').'
  from watchpost.track as t
  cross join lateral (
    select
      count(*) as faces, count(*) filter (where f.quality > 0) as looks,
      min(s.first_at) as began_at, max(s.last_at) as ended_at
    from watchpost.face as f
    join watchpost.image as i on i.id = f.image_id
    cross join lateral watchpost.frame_span(i.id, i.captured_at) as s
    where f.track_id = t.id and f.superseded_at is null
  ) as n
  where t.id >= from_key
    and (
      (t.faces, t.looks) <> (n.faces, n.looks)
      -- Longer: still frames, of which there may be none left.
      or t.began_at > n.began_at
      or t.ended_at < n.ended_at
      or (t.looks > 0) <> (t.face_id is not null)
    )
    -- Not while one of its faces is being embedded again.
    and not exists (
      select from watchpost.face as f
      where f.track_id = t.id
        and not exists (select from watchpost.embedding as e where e.face_id = f.id and e.superseded_at is null)
        and f.superseded_at is null
    )

  union all
  select
    'track_searched_twice',
    f.track_id::text,
    format('%s searches of the track stand.', count(*)),
    'Run "watchpost replay --task match --image ' || min(f.image_id::text) || '".'
  from watchpost.search as s
  join watchpost.face as f on f.id = s.face_id and f.track_id is not null
  where s.superseded_at is null and f.track_id >= from_key
  group by f.track_id
  having count(*) > 1

  union all
  select
    'track_without_search',
    t.id::text,
    'The track was handled by match and has no search.',
    'Run "watchpost replay --task match --image ' || f.image_id || '".'
  from watchpost.track as t
  join watchpost.face as f on f.id = t.face_id
  join watchpost.embedding as v on v.face_id = f.id and v.model_id = t.model_id and v.superseded_at is null
  where t.id >= from_key
    and not exists (select from watchpost.search as s where s.embedding_id = v.id and s.superseded_at is null)
    and exists (
      select from watchpost.event as e where e.subject_id = v.id and e.topic in ('track.begun', 'track.improved')
    )
    and not exists (
      select
      from watchpost.event as e
      where e.subject_id = v.id
        and e.topic in ('track.begun', 'track.improved')
        and not watchpost.has_ended(e.id, 'match')
    );
end;

comment on function watchpost.find_wrong_tracks(uuid) is 'Part of find_violations: tracks that contradict their faces or searches.';
