-- Marking rows as superseded, each kind together with what rests on it.

create or replace function watchpost.supersede_matches(matches uuid[]) returns void
language plpgsql
as $$
begin
  update watchpost.match as m set superseded_at = now() where m.id = any (matches) and m.superseded_at is null;

  -- Alerts count the matches that stand; one that nothing stands behind any more is withdrawn, and kept.
  with standing as (
    select am.alert_id, count(*) filter (where m.superseded_at is null) as sightings
    from watchpost.alert_match as am
    join watchpost.match as m on m.id = am.match_id
    where am.alert_id in (select a.alert_id from watchpost.alert_match as a where a.match_id = any (matches))
    group by am.alert_id
  )
  update watchpost.alert as a
  set sightings = greatest(s.sightings, 1),
      withdrawn_at = case when s.sightings = 0 then now() end
  from standing as s
  where a.id = s.alert_id;
end;
$$;

comment on function watchpost.supersede_matches(uuid[]) is 'Marks matches, and withdraws the alerts that rested on nothing else.';


create or replace function watchpost.supersede_searches(embeddings uuid[]) returns void
language plpgsql
as $$
begin
  perform watchpost.supersede_matches(array(
    select m.id
    from watchpost.match as m
    join watchpost.search as s on s.id = m.search_id
    where s.embedding_id = any (embeddings) and m.superseded_at is null
  ));
  update watchpost.search as s
  set superseded_at = now()
  where s.embedding_id = any (embeddings) and s.superseded_at is null;
end;
$$;

comment on function watchpost.supersede_searches(uuid[]) is 'Marks the searches of some embeddings, with their matches.';


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

comment on function watchpost.supersede_embeddings(uuid[]) is 'Marks the embeddings of some faces, with their searches and references.';


create or replace function watchpost.supersede_faces(images uuid[]) returns void
language plpgsql
as $$
declare
  faces uuid[] := array(
    select f.id from watchpost.face as f where f.image_id = any (images) and f.superseded_at is null
  );
begin
  perform watchpost.supersede_embeddings(faces);
  update watchpost.face as f set superseded_at = now() where f.id = any (faces);
end;
$$;

comment on function watchpost.supersede_faces(uuid[]) is 'Marks the faces of some images, with all that rests on them.';
