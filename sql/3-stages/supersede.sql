-- Superseding: a replay, a backfill or a correction replaces rows. They stay on record, marked, together with all rows
-- that were made from them.

create or replace function watchpost.supersede_matches(matches uuid[], because text default 'replay') returns void
language plpgsql
as $$
declare
  withdrawn uuid[];
begin
  if matches = '{}' then
    return;
  end if;
  -- Always in one order, so that two transactions that supersede overlapping sets cannot deadlock.
  perform from watchpost.match as m where m.id = any (matches) order by m.id for no key update;
  with gone as (
    update watchpost.match as m
    set superseded_at = now(), superseded_because = because
    where m.id = any (matches) and m.superseded_at is null
    returning m.id, m.image_id, m.face_id, m.person_id, m.watchlist_id
  ),
  recorded as (
    insert into watchpost.event (topic, subject_id, image_id, payload, tasks)
    select
      'match.withdrawn', g.id, g.image_id,
      jsonb_build_object(
        'image_id', g.image_id, 'face_id', g.face_id, 'match_id', g.id, 'person_id', g.person_id,
        'watchlist_id', g.watchlist_id, 'because', because
      ),
      s.tasks
    from gone as g
    cross join (select watchpost.subscribers('match.withdrawn') as tasks) as s
  )
  select array_agg(g.id) into withdrawn from gone as g;

  perform watchpost.recount_alerts(array(
    select distinct am.alert_id from watchpost.alert_match as am where am.match_id = any (withdrawn)
  ));
end;
$$;

comment on function watchpost.supersede_matches is 'Withdraws matches, on record and with the reason, and the alerts that have no other match.';


create or replace function watchpost.supersede_searches(embeddings uuid[], because text default 'replay') returns void
language plpgsql
as $$
begin
  perform watchpost.supersede_matches(
    array(
      select m.id
      from watchpost.match as m
      join watchpost.embedding as e on e.face_id = m.face_id
      where e.id = any (embeddings) and m.superseded_at is null
    ),
    because
  );
  update watchpost.search as s
  set superseded_at = now()
  where s.embedding_id = any (embeddings) and s.superseded_at is null;
end;
$$;

comment on function watchpost.supersede_searches is 'Supersedes the searches of some embeddings, and withdraws their matches.';


create or replace function watchpost.supersede_embeddings(faces uuid[]) returns void
language plpgsql
as $$
declare
  embeddings uuid[] := array(
    select e.id from watchpost.embedding as e where e.face_id = any (faces) and e.superseded_at is null
  );
begin
  perform watchpost.supersede_searches(embeddings);
  update watchpost.reference as r
  set superseded_at = now()
  where r.embedding_id = any (embeddings) and r.superseded_at is null;
  update watchpost.embedding as e set superseded_at = now() where e.id = any (embeddings);
end;
$$;

comment on function watchpost.supersede_embeddings(uuid[]) is 'Supersedes the embeddings of some faces, with their searches and references.';


create or replace function watchpost.supersede_faces(images uuid[]) returns void
language plpgsql
as $$
declare
  faces uuid[] := array(
    select f.id from watchpost.face as f where f.image_id = any (images) and f.superseded_at is null
  );
begin
  perform watchpost.supersede_embeddings(faces);
  delete from watchpost.still_frame as s where s.image_id = any (images);
  update watchpost.face as f set superseded_at = now() where f.id = any (faces);
  perform watchpost.refresh_tracks(array(
    select distinct f.track_id from watchpost.face as f where f.id = any (faces) and f.track_id is not null
  ));
end;
$$;

comment on function watchpost.supersede_faces(uuid[]) is 'Supersedes the faces of some images, with their embeddings, searches and references; those that were still are searched.';
