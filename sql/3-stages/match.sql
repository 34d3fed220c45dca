-- Matching: each person at most once in a photo, each face at most one person.
--
-- consumes face.embedded, track.begun, track.improved · writes search, match · emits match.found, which alert consumes
--
-- Who is nearest: sql/4-people/find-nearest.sql. Whether that is a match: src/watchlist/decision.ts. Which of several
-- faces of a photo is a person: ranking.sql.

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


-- Used by backfills as well, for which is_retroactive is true unless a face had never been searched.
create or replace function watchpost.record_searches(decided jsonb, is_retroactive boolean) returns integer
language plpgsql
as $$
declare
  ranked jsonb;
  beaten uuid[];
  ids uuid[];
  written integer := 0;
begin
  select r.ranked, r.beaten into ranked, beaten from watchpost.rank_searches(decided) as r;
  if beaten <> '{}' then
    perform watchpost.withdraw_matches(beaten, 'outranked');
  end if;

  ids := array(select watchpost.uuidv7() from generate_series(1, jsonb_array_length(ranked)));
  insert into watchpost.search (
    id, embedding_id, face_id, model_id, watchlists, watchlist_versions, method, outcome, gate, reference_id, person_id,
    similarity, reference_similarity, retroactive
  )
  select
    ids[d.place], d.embedding_id, d.face_id, d.model_id, d.watchlists, d.watchlist_versions, d.method, d.outcome, d.gate,
    d.reference_id, d.person_id, d.similarity, d.reference_similarity, is_retroactive
  from watchpost.decided_searches(ranked) as d;

  if watchpost.has_match(ranked) then
    insert into watchpost.match (
      search_id, image_id, face_id, person_id, reference_id, watchlist_id, similarity, threshold, retroactive
    )
    select
      ids[d.place], d.image_id, d.face_id, d.person_id, d.reference_id, m.watchlist_id, d.similarity, m.threshold,
      is_retroactive
    from watchpost.decided_searches(ranked) as d
    cross join lateral jsonb_to_recordset(d.matches) as m (watchlist_id uuid, threshold real);
    get diagnostics written = row_count;
  end if;
  return written;
end;
$$;

comment on function watchpost.record_searches is 'Writes searches, and the matches of those faces that are recognised and the best of their photo; withdraws the matches that they outrank. Returns the number of matches.';


create or replace function watchpost.write_matches(passed uuid[], decided jsonb) returns integer
language plpgsql set plan_cache_mode = force_generic_plan
as $$
declare
  wanted jsonb := (
    select jsonb_agg(d.one order by d.place)
    from jsonb_array_elements(decided) with ordinality as d (one, place)
    where (d.one ->> 'event_id')::uuid = any (passed)
  );
begin
  if wanted is null then
    return 0;
  elsif wanted @? '$[*] ? (@.track_id != null)' then
    return watchpost.record_searches_of_tracks(wanted);
  end if;
  return watchpost.record_searches(wanted, false);
end;
$$;

comment on function watchpost.write_matches is 'match: a search for each face or track, with its event_id, and the matches.';


-- A track is searched again as it gets better, and its searches may be written in any order. One that is not of its latest
-- vector is left out, unless it is the first: the event of the latest comes, or is being handled. Of several of one track
-- in a batch the last one is written.
create or replace function watchpost.record_searches_of_tracks(decided jsonb) returns integer
language plpgsql
as $$
declare
  singles jsonb;
  tracks jsonb;
  more uuid[];
  matched integer := 0;
begin
  perform
  from watchpost.track as t
  where t.id = any (array(select d.track_id from watchpost.decided_searches(decided) as d))
  order by t.id
  for no key update;
  -- A statement of its own, which sees what others committed before the locks were granted.
  select
    jsonb_agg(s.one order by s.place) filter (where d.track_id is null),
    jsonb_agg(s.one order by s.place) filter (where d.track_id is not null),
    array_agg(d.track_id) filter (where d.outcome = 'few_looks' and t.looks > d.track_looks)
  into singles, tracks, more
  from jsonb_array_elements(decided) with ordinality as s (one, place)
  join (
    select
      d.*,
      row_number() over (partition by d.embedding_id order by d.track_revision desc nulls last, d.place desc) as latest
    from watchpost.decided_searches(decided) as d
  ) as d using (place)
  left join watchpost.track as t on t.id = d.track_id
  where d.latest = 1
    and (
      d.track_id is null
      or t.face_id = d.face_id and (
        t.revision = d.track_revision
        or not exists (
          select from watchpost.search as s where s.embedding_id = d.embedding_id and s.superseded_at is null
        )
      )
    );
  if tracks is not null then
    perform watchpost.lock_images(array(select d.image_id from watchpost.decided_searches(tracks) as d));
    matched := watchpost.replace_searches(tracks, 'improved', false);
    -- Faces that came while it was being searched may have been enough.
    if more is not null then
      perform watchpost.settle_tracks(more, true);
    end if;
  end if;
  if singles is not null then
    matched := matched + watchpost.record_searches(singles, false);
  end if;
  return matched;
end;
$$;

comment on function watchpost.record_searches_of_tracks(jsonb) is 'Part of write_matches: the searches of tracks replace those that stand. A match that is found again stays.';


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
    -- The search that stands, which may be a later one than that which found the match.
    where s.face_id = any (array(select m.face_id from watchpost.match as m where m.id = any (matches)))
      and s.outcome = 'match'
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
    -- What an alert rests on: with the hashes the record shows later whether photo and crop are those that were matched.
    jsonb_build_object(
      'image_id', m.image_id, 'face_id', m.face_id, 'match_id', m.id, 'person_id', m.person_id,
      'watchlist_id', m.watchlist_id, 'image_sha256', encode(i.sha256, 'hex'), 'crop_sha256', encode(sha256(f.crop), 'hex')
    ),
    (select watchpost.subscribers('match.found'))
  from new_rows as m
  join watchpost.image as i on i.id = m.image_id
  join watchpost.face as f on f.id = m.face_id;
  return null;
end;
$$;

comment on function watchpost.emit_match_found() is 'One match.found for each new match, with the hashes of its photo and of the crop.';

create or replace trigger match_emit after insert on watchpost.match
referencing new table as new_rows
for each statement execute function watchpost.emit_match_found();
