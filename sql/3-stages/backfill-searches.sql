-- The searches and matches of a batch of a backfill: what is written anew, kept, and restored. The batches: backfill.sql.

-- For a face whose own match event is not handled yet, a worker may have found the nearest people before the person was
-- enrolled, and write that later. So the first search is written by the transaction that inserts the handling: if a
-- worker is writing it now, the insert below waits for that, and then inserts nothing.
create or replace function watchpost.take_over_first_searches(embeddings uuid[]) returns setof uuid
language plpgsql
as $$
begin
  return query
  with done as (
    insert into watchpost.handling (event_id, task, outcome, attempt, started_at, duration_ms)
    select e.id, 'match', 'done', 1, clock_timestamp(), 0
    from watchpost.event as e
    where e.subject_id = any (embeddings)
      and e.topic in ('face.embedded', 'track.begun', 'track.improved')
      and 'match' = any (e.tasks)
      and (
        not exists (
          select from watchpost.search as s where s.embedding_id = e.subject_id and s.superseded_at is null
        )
        -- A track is searched again: the same holds for that.
        or e.topic = 'track.improved' and not watchpost.has_ended(e.id, 'match')
      )
    order by e.id
    on conflict (event_id, task) where outcome in ('done', 'gone') do nothing
    returning event_id
  )
  select distinct e.subject_id
  from done as d
  join watchpost.event as e on e.id = d.event_id
  where not exists (
    select from watchpost.search as s where s.embedding_id = e.subject_id and s.superseded_at is null
  );
end;
$$;

comment on function watchpost.take_over_first_searches(uuid[]) is 'Takes over the first search of those embeddings whose match event is not handled yet, and returns them; also further searches of their tracks.';


-- A track that has got better since the backfill searched it is searched again as it is now, live, by a worker that finds
-- whom the backfill is for.
create or replace function watchpost.without_moved_tracks(searched jsonb) returns jsonb
language plpgsql
as $$
declare
  moved uuid[];
begin
  if not searched @? '$[*] ? (@.track_id != null)' then
    return searched;
  end if;
  perform
  from watchpost.track as t
  where t.id in (select d.track_id from watchpost.decided_searches(searched) as d)
  order by t.id
  for no key update;
  moved := array(
    select t.id
    from watchpost.decided_searches(searched) as d
    join watchpost.track as t on t.id = d.track_id
    where t.face_id is distinct from d.face_id or t.revision <> d.track_revision
  );
  perform watchpost.settle_tracks(moved, true);
  return (
    select coalesce(jsonb_agg(s.one order by s.place), '[]')
    from jsonb_array_elements(searched) with ordinality as s (one, place)
    join watchpost.decided_searches(searched) as d using (place)
    where d.track_id is null or d.track_id in (select t.id from watchpost.track as t) and d.track_id <> all (moved)
  );
end;
$$;

comment on function watchpost.without_moved_tracks(jsonb) is 'Part of match_again: these searches without those of tracks that have changed since, which are given to be searched again.';


-- A backfill may have searched while a cannot_link was being deleted. What that one ruled out is not written, because the
-- backfill that its deletion begins searches these faces again; and a match that only a cannot_link had withdrawn is
-- restored instead of found anew, in its own alert.
create or replace function watchpost.restore_searched(searched jsonb) returns jsonb
language plpgsql
as $$
declare
  one record;
begin
  perform watchpost.lock_images(array(select d.image_id from watchpost.decided_searches(searched) as d));
  for one in
    select d.person_id, array_agg(d.face_id) as faces
    from watchpost.decided_searches(searched) as d
    where d.outcome = 'match'
    group by d.person_id
    order by d.person_id
  loop
    perform watchpost.restore_matches(one.person_id, one.faces);
  end loop;
  return (
    select jsonb_agg(s.one order by s.place)
    from jsonb_array_elements(searched) with ordinality as s (one, place)
    join watchpost.decided_searches(searched) as d using (place)
    left join watchpost.embedding as e on e.id = d.embedding_id
    left join watchpost.track as t on t.face_id = e.face_id
    where d.outcome <> 'cannot_link'
      or watchpost.is_ruled_out(d.person_id, d.face_id, d.model_id, coalesce(t.vector, e.vector), d.similarity)
  );
end;
$$;

comment on function watchpost.restore_searched(jsonb) is 'Part of match_again: restores the matches that these searches have found again, and returns the searches without those that a deleted cannot_link decided. Locks the photos.';


-- Faces without a search count as live: their first search is not retroactive. The others are written only if the result
-- differs.
create or replace function watchpost.match_again(searched jsonb) returns integer
language plpgsql
as $$
declare
  taken_over uuid[];
  live jsonb;
  past jsonb;
  differing jsonb;
  matched integer := 0;
begin
  searched := watchpost.without_moved_tracks(searched);
  taken_over := array(
    select watchpost.take_over_first_searches(array(select d.embedding_id from watchpost.decided_searches(searched) as d))
  );
  select
    jsonb_agg(s.one order by s.place) filter (where (s.one ->> 'embedding_id')::uuid = any (taken_over)),
    jsonb_agg(s.one order by s.place) filter (where (s.one ->> 'embedding_id')::uuid <> all (taken_over))
  into live, past
  from jsonb_array_elements(searched) with ordinality as s (one, place);

  if past is not null then
    past := watchpost.restore_searched(past);
  end if;
  if past is not null then
    select sum(c.gained), jsonb_agg(p.one order by p.place) filter (where not c.same)
    into matched, differing
    from jsonb_array_elements(past) with ordinality as p (one, place)
    join watchpost.compare_searches(past) as c using (place);
  end if;
  if differing is not null then
    perform watchpost.replace_searches(differing);
  end if;
  if live is not null then
    matched := matched + watchpost.record_searches(live, false);
  end if;
  return matched;
end;
$$;

comment on function watchpost.match_again(jsonb) is 'Writes the searches of past faces that differ from the current ones. Returns the number of new matches.';


-- A match that is found again stays as it is, and its alert with what was decided about it: somebody who is put on another
-- list, or taken off one, keeps what was raised on the others.
create or replace function watchpost.replace_searches(
  differing jsonb, because text default 'backfill', is_retroactive boolean default true
) returns integer
language plpgsql
as $$
declare
  ranked jsonb := (select r.ranked from watchpost.rank_searches(differing) as r);
  lost uuid[];
begin
  lost := array(
    select m.id
    from watchpost.decided_searches(ranked) as d
    join watchpost.match as m on m.face_id = d.face_id and m.superseded_at is null
    where m.person_id is distinct from d.person_id
      or not exists (
        select from jsonb_to_recordset(d.matches) as n (watchlist_id uuid) where n.watchlist_id = m.watchlist_id
      )
  );
  perform watchpost.supersede_matches(lost, because);
  update watchpost.search as s
  set superseded_at = now()
  where s.embedding_id = any (array(select d.embedding_id from watchpost.decided_searches(ranked) as d))
    and s.superseded_at is null;

  return watchpost.record_searches(
    (
      select
        jsonb_agg(
          r.one || jsonb_build_object('matches', (
            select coalesce(jsonb_agg(n.one), '[]')
            from jsonb_array_elements(r.one -> 'matches') as n (one)
            where not exists (
              select
              from watchpost.match as m
              where m.face_id = (r.one ->> 'face_id')::uuid
                and m.watchlist_id = (n.one ->> 'watchlist_id')::uuid
                and m.superseded_at is null
            )
          ))
          order by r.place
        )
      from jsonb_array_elements(ranked) with ordinality as r (one, place)
    ),
    is_retroactive
  );
end;
$$;

comment on function watchpost.replace_searches is 'Replaces searches by these; of their matches those that are lost are withdrawn and those that are new are written. Returns the number of those.';
