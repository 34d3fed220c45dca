-- Matching: each person at most once in a photo, each face at most one person.
--
-- consumes face.embedded · writes search, match · emits match.found, which alert consumes. Who is nearest is found by
-- sql/4-people/nearest-people.sql.

create or replace function watchpost.fill_match_image() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  new.image_id := (select f.image_id from watchpost.face as f where f.id = new.face_id);
  return new;
end;
$$;

comment on function watchpost.fill_match_image() is 'Sets match.image_id to the photo of the face.';

create or replace trigger match_image before insert on watchpost.match
for each row execute function watchpost.fill_match_image();


-- Whoever adds or withdraws matches of a photo holds its lock, taken in the order of the ids: of two workers that have
-- found one person in two faces of a photo, the second sees what the first has written.
create or replace function watchpost.lock_images(images uuid[]) returns void
language plpgsql
as $$
begin
  perform from watchpost.image as i where i.id = any (images) order by i.id for no key update;
end;
$$;

comment on function watchpost.lock_images(uuid[]) is 'Locks photos until the end of the transaction.';


create or replace function watchpost.standing_matches(images uuid[]) returns table (
  match_id uuid, image_id uuid, face_id uuid, person_id uuid, similarity real
)
language plpgsql
as $$
begin
  perform watchpost.lock_images(images);
  -- A statement of its own, which sees what others committed before the lock was granted.
  return query
  select m.id, m.image_id, m.face_id, m.person_id, m.similarity
  from watchpost.match as m
  where m.image_id = any (images) and m.superseded_at is null;
end;
$$;

comment on function watchpost.standing_matches(uuid[]) is 'Locks photos and returns their current matches.';


-- The outcome of a search says what is current, so the search is written again with the new outcome, and the old one
-- kept.
create or replace function watchpost.withdraw_matches(matches uuid[], outcome text) returns void
language plpgsql
as $$
begin
  perform watchpost.supersede_matches(matches, outcome);
  with earlier as (
    update watchpost.search as s
    set superseded_at = now()
    where s.id = any (array(select m.search_id from watchpost.match as m where m.id = any (matches)))
      and s.superseded_at is null
    returning s.*
  )
  insert into watchpost.search (
    embedding_id, face_id, model_id, watchlists, watchlist_versions, method, outcome, gate,
    reference_id, person_id, similarity, reference_similarity, retroactive
  )
  select
    e.embedding_id, e.face_id, e.model_id, e.watchlists, e.watchlist_versions, e.method, withdraw_matches.outcome, e.gate,
    e.reference_id, e.person_id, e.similarity, e.reference_similarity, e.retroactive
  from earlier as e;
end;
$$;

comment on function watchpost.withdraw_matches is 'Supersedes matches, and replaces their searches by ones with this outcome: outranked or cannot_link.';


create or replace function watchpost.emit_match_found() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  insert into watchpost.event (topic, subject_id, image_id, payload, tasks)
  select
    'match.found', m.id, m.image_id,
    jsonb_build_object('image_id', m.image_id, 'face_id', m.face_id, 'match_id', m.id),
    (select watchpost.subscribers('match.found'))
  from new_rows as m;
  return null;
end;
$$;

comment on function watchpost.emit_match_found() is 'One match.found for each new match.';

create or replace trigger match_emit after insert on watchpost.match
referencing new table as new_rows
for each statement execute function watchpost.emit_match_found();
