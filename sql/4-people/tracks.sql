-- Tracks after faces were tied to them: what is fused and given to be searched, joining two, and counting again.
--
-- emits track.begun, track.improved, which match consumes, and track.joined
--
-- Transactions that change tracks take the lock of the camera first where they tie faces, then the tracks in the order of
-- their ids, then photos, matches and alerts as everybody does.

-- A track whose outcome is few_looks is searched again as it grows by a quarter, so a few times for any number of faces.
create or replace function watchpost.wants_looks(track watchpost.track) returns boolean
language plpgsql stable
as $$
begin
  return track.looks >= track.announced_looks + greatest(1, track.announced_looks / 4)
    and exists (
      select
      from watchpost.search as s
      where s.face_id = track.face_id
        and s.id >= watchpost.uuidv7_at(track.created_at - interval '1 second')
        and s.superseded_at is null
        and s.outcome = 'few_looks'
    );
end;
$$;

comment on function watchpost.wants_looks is 'Whether a track that had too few looks has enough new ones to be searched again.';


-- All good faces of the track, not only the best: a look-alike resembles somebody in some of them.
create or replace function watchpost.has_few_looks(
  track uuid, person uuid, model text, threshold real, min_looks integer, min_share real
) returns boolean
language plpgsql stable
as $$
begin
  return (
    select
      count(*) filter (where s.similarity >= threshold) < min_looks
        or count(*) filter (where s.similarity >= threshold) < min_share * count(*)
    from watchpost.face as f
    join watchpost.embedding as e on e.face_id = f.id and e.model_id = model and e.superseded_at is null
    join watchpost.person_vector as v on v.person_id = person and v.model_id = model
    cross join lateral (select watchpost.similarity(e.vector, v.vector) as similarity) as s
    where f.track_id = track and f.quality > 0 and f.superseded_at is null
  );
end;
$$;

comment on function watchpost.has_few_looks is 'Whether fewer faces of a track than min_looks, or a lesser share of its good ones than min_share, reach the threshold for a person by themselves.';


create or replace function watchpost.settle_tracks(tracks uuid[], again boolean default false) returns void
language plpgsql
as $$
declare
  rules constant record := watchpost.track_rules();
  track watchpost.track;
  shown record;
  -- Not by the name of its type, which is in whatever schema pgvector was installed in: this runs in triggers of their own path.
  fused watchpost.track.vector%type;
begin
  for track in
    select t.* from watchpost.track as t where t.id = any (tracks) and t.looks > 0 order by t.id for no key update
  loop
    select e.id, e.face_id, e.model_id, f.image_id into shown
    from watchpost.face as f
    join watchpost.embedding as e on e.face_id = f.id and e.superseded_at is null
    where f.id = coalesce(track.face_id, track.best[1])
    order by e.id desc
    limit 1;
    -- Not found: it is being embedded again, and its track is settled then.
    continue when not found;
    fused := watchpost.fuse_faces(track.best, shown.model_id);
    continue when fused is null;
    if again
      or track.vector is null
      or track.model_id <> shown.model_id
      or watchpost.likeness(fused, track.vector) <= 1 - rules.moved
      or watchpost.wants_looks(track)
    then
      update watchpost.track as t
      set face_id = shown.face_id,
          model_id = shown.model_id,
          vector = fused,
          revision = t.revision + 1,
          announced_looks = t.looks
      where t.id = track.id;
      insert into watchpost.event (topic, subject_id, image_id, payload, tasks)
      select
        k.topic, shown.id, shown.image_id,
        jsonb_build_object(
          'image_id', shown.image_id, 'face_id', shown.face_id, 'embedding_id', shown.id, 'track_id', track.id
        ),
        watchpost.subscribers(k.topic)
      from (select case track.revision when 0 then 'track.begun' else 'track.improved' end as topic) as k;
    end if;
  end loop;
end;
$$;

comment on function watchpost.settle_tracks is 'Fuses the best faces of tracks, and gives those to be searched that have begun, or have got better since they were; again: all of them.';


create or replace function watchpost.refresh_tracks(tracks uuid[], again boolean default false) returns void
language plpgsql
as $$
declare
  kept constant integer := (watchpost.track_rules()).kept;
  changed uuid[];
begin
  if tracks = '{}' then
    return;
  end if;
  perform from watchpost.track as t where t.id = any (tracks) order by t.id for no key update;
  delete from watchpost.track as t
  where t.id = any (tracks) and not exists (select from watchpost.face as f where f.track_id = t.id);

  -- Nothing of a face that is gone stays in the vector, however little it differs without it.
  changed := array(
    select t.id
    from watchpost.track as t
    where t.id = any (tracks)
      and (again or exists (
        select
        from unnest(t.best) as b (id)
        where not exists (
          select from watchpost.face as f where f.id = b.id and f.track_id = t.id and f.superseded_at is null
        )
      ))
  );
  update watchpost.track as t
  set faces = c.faces,
      looks = c.looks,
      began_at = coalesce(c.began_at, t.began_at),
      ended_at = coalesce(c.ended_at, t.ended_at),
      best = coalesce(c.ranked[1:kept], '{}'),
      quality = c.quality,
      face_id = case when t.face_id = any (c.ranked) then t.face_id end,
      vector = case when t.face_id = any (c.ranked) then t.vector end,
      model_id = case when t.face_id = any (c.ranked) then t.model_id end
  from unnest(tracks) as g (id)
  cross join lateral (
    select
      count(*) as faces,
      count(*) filter (where f.quality > 0) as looks,
      min(s.first_at) as began_at,
      max(s.last_at) as ended_at,
      array_agg(f.id order by f.quality desc, f.id) filter (where f.quality > 0) as ranked,
      max(f.quality) filter (where f.quality > 0) as quality
    from watchpost.face as f
    join watchpost.image as i on i.id = f.image_id
    cross join lateral watchpost.frame_span(i.id, i.captured_at) as s
    where f.track_id = g.id and f.superseded_at is null
  ) as c
  where t.id = g.id;
  perform watchpost.settle_tracks(changed, true);
  perform watchpost.settle_tracks(tracks) where changed <> tracks;
end;
$$;

comment on function watchpost.refresh_tracks is 'Counts tracks again from their faces, after some were superseded, deleted or joined. One without any face is deleted; one that has lost one of its best faces is fused and searched again; again: all of them are.';


-- Of the two the one that is matched is kept, else the one that was searched, else the older.
create or replace function watchpost.join_tracks(one uuid, other uuid, by_face uuid) returns uuid
language plpgsql
as $$
declare
  kept watchpost.track;
  lost watchpost.track;
begin
  perform from watchpost.track as t where t.id in (one, other) order by t.id for no key update;
  select t.* into kept
  from watchpost.track as t
  where t.id in (one, other)
  order by
    exists (select from watchpost.match as m where m.face_id = t.face_id and m.superseded_at is null) desc,
    t.face_id is not null desc,
    t.id
  limit 1;
  select t.* into lost from watchpost.track as t where t.id in (one, other) and t.id <> kept.id;
  if lost.face_id is not null then
    perform watchpost.lock_images(array(select f.image_id from watchpost.face as f where f.id = lost.face_id));
    perform watchpost.supersede_searches(
      array(select e.id from watchpost.embedding as e where e.face_id = lost.face_id), 'joined'
    );
  end if;
  update watchpost.face as f set track_id = kept.id where f.track_id = lost.id;
  insert into watchpost.event (topic, subject_id, image_id, payload, tasks)
  select
    'track.joined', kept.id, f.image_id,
    jsonb_build_object('track_id', kept.id, 'joined_id', lost.id, 'face_id', f.id, 'image_id', f.image_id),
    watchpost.subscribers('track.joined')
  from watchpost.face as f
  where f.id = by_face;
  perform watchpost.refresh_tracks(array[lost.id]);
  perform watchpost.refresh_tracks(array[kept.id], lost.face_id is not null);
  return kept.id;
end;
$$;

comment on function watchpost.join_tracks is 'Makes two tracks one, as a face that came late has shown them to be; on record as track.joined. Returns the one that is left.';


-- Once a track, at the end of the transaction: a purge deletes hundreds of its faces.
create or replace function watchpost.leave_track() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (
    select
    from watchpost.track as t
    where t.id = old.track_id
      and (
        t.faces <> (select count(*) from watchpost.face as f where f.track_id = t.id and f.superseded_at is null)
        or not exists (select from watchpost.face as f where f.track_id = t.id)
      )
  ) then
    perform watchpost.refresh_tracks(array[old.track_id]);
  end if;
  return null;
end;
$$;

comment on function watchpost.leave_track() is 'Counts the track of a face that is deleted again.';

drop trigger if exists face_leave_track on watchpost.face;
create constraint trigger face_leave_track after delete on watchpost.face
deferrable initially deferred
for each row when (old.track_id is not null) execute function watchpost.leave_track();


-- For an erasure, in whose receipt are tracks without any face left, and which waits for nothing.
create or replace function watchpost.leave_tracks_now() returns void
language plpgsql
as $$
begin
  set constraints watchpost.face_leave_track immediate;
  set constraints watchpost.face_leave_track deferred;
end;
$$;

comment on function watchpost.leave_tracks_now() is 'Counts the tracks of the faces that this transaction has deleted now, not at its end.';
