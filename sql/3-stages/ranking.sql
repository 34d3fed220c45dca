-- Ranking: of the faces of a photo that are recognised as one person, the most similar one is that person. Used by match,
-- backfill and replays.

-- Each transaction that adds or withdraws matches of a photo first locks the photo, several in the order of their ids: if
-- two workers have found one person in two faces of a photo, the second sees what the first has written.
create or replace function watchpost.lock_images(images uuid[]) returns void
language plpgsql
as $$
begin
  perform from watchpost.image as i where i.id = any (images) order by i.id for no key update;
end;
$$;

comment on function watchpost.lock_images(uuid[]) is 'Locks photos until the end of the transaction.';


-- A batch of searches travels as one jsonb array, so that its statement has one text for any number of faces.
create or replace function watchpost.decided_searches(decided jsonb) returns table (
  embedding_id uuid, image_id uuid, face_id uuid, model_id text, watchlists uuid[], watchlist_versions integer[],
  method text, outcome text, gate text[], reference_id uuid, person_id uuid, similarity real, reference_similarity real,
  matches jsonb, track_id uuid, track_revision integer, track_looks integer, place bigint
)
language sql stable
begin atomic
  select d.*
  from rows from (
    jsonb_to_recordset(decided) as (
      embedding_id uuid, image_id uuid, face_id uuid, model_id text, watchlists uuid[], watchlist_versions integer[],
      method text, outcome text, gate text[], reference_id uuid, person_id uuid, similarity real,
      reference_similarity real, matches jsonb, track_id uuid, track_revision integer, track_looks integer
    )
  ) with ordinality as d;
end;

comment on function watchpost.decided_searches(jsonb) is 'Searches and what was decided on them, as rows; place counts from 1. matches: [{watchlist_id, threshold}]. track_id: the track that the face stands for; track_revision and track_looks: as it was searched.';


create or replace function watchpost.has_match(decided jsonb) returns boolean
language sql immutable
return decided @? '$[*] ? (@.outcome == "match")';

comment on function watchpost.has_match(jsonb) is 'Whether any of these searches has the outcome match.';


-- Each person is in a photo once: the most similar face wins, and of equal ones that with the smaller id, so that the
-- order of arrival does not matter. The matches of faces that are searched again do not count, because they will be
-- replaced. An outranked face is nobody; it is not the next nearest person.
create or replace function watchpost.rank_searches(decided jsonb, out ranked jsonb, out beaten uuid[])
language plpgsql
as $$
declare
  photos uuid[];
  losers uuid[];
begin
  ranked := decided;
  beaten := '{}';
  if not watchpost.has_match(decided) then
    return;
  end if;
  decided := watchpost.with_survivors(decided);
  ranked := decided;
  photos := array(select d.image_id from watchpost.decided_searches(decided) as d where d.outcome = 'match');
  perform watchpost.lock_images(photos);

  -- A statement of its own, which sees what others committed before the lock was granted.
  with searched as materialized (
    select d.embedding_id, d.image_id, d.face_id, d.person_id, d.similarity, d.outcome
    from watchpost.decided_searches(decided) as d
  ),
  contender as (
    select s.image_id, s.person_id, s.face_id, s.similarity, s.embedding_id, null::uuid as match_id
    from searched as s
    where s.outcome = 'match'
    union all
    select m.image_id, m.person_id, m.face_id, m.similarity, null, m.id
    from watchpost.match as m
    where m.image_id = any (photos)
      and m.superseded_at is null
      and not exists (select from searched as s where s.face_id = m.face_id)
  ),
  compared as (
    select c.embedding_id, c.match_id, c.face_id <> first_value(c.face_id) over best_first as is_beaten
    from contender as c
    window best_first as (partition by c.image_id, c.person_id order by c.similarity desc, c.face_id)
  )
  select
    array_agg(c.embedding_id) filter (where c.embedding_id is not null),
    coalesce(array_agg(c.match_id) filter (where c.match_id is not null), '{}')
  into losers, beaten
  from compared as c
  where c.is_beaten;

  if losers is not null then
    select
      jsonb_agg(
        case
          when (d.one ->> 'embedding_id')::uuid = any (losers) then d.one || '{"outcome": "outranked", "matches": []}'
          else d.one
        end
        order by d.place
      )
    into ranked
    from jsonb_array_elements(decided) with ordinality as d (one, place);
  end if;
end;
$$;

comment on function watchpost.rank_searches is 'Keeps one face of each person in a photo. ranked: the searches, in order; those that are beaten are outranked. beaten: current matches that are outranked. Locks the photos in which somebody is recognised; the others need no ranking.';


-- For replays and backfills. All photos are locked, also those in which nobody is recognised any more, because the
-- matches in them may be withdrawn next.
create or replace function watchpost.compare_searches(decided jsonb) returns table (
  place bigint, same boolean, gained integer, lost integer
)
language plpgsql set plan_cache_mode = force_generic_plan
as $$
declare
  ranked jsonb;
begin
  perform watchpost.lock_images(array(select d.image_id from watchpost.decided_searches(decided) as d));
  select r.ranked into ranked from watchpost.rank_searches(decided) as r;
  return query
  select d.place, c.gained = 0 and c.lost = 0 and b.is_there, c.gained, c.lost
  from watchpost.decided_searches(ranked) as d
  cross join lateral (
    select
      coalesce(bool_or(s.outcome = d.outcome and watchpost.survivor(s.person_id) is not distinct from d.person_id), false) as is_there
    from watchpost.search as s
    where s.embedding_id = d.embedding_id and s.superseded_at is null
  ) as b
  cross join lateral (
    select
      (count(*) filter (where was.watchlist_id is null))::integer as gained,
      (count(*) filter (where comes.watchlist_id is null))::integer as lost
    from (
      select distinct m.person_id, m.watchlist_id
      from watchpost.search as s
      join watchpost.match as m on m.face_id = s.face_id and m.superseded_at is null
      where s.embedding_id = d.embedding_id and s.superseded_at is null
    ) as was
    full join (
      select d.person_id, m.watchlist_id from jsonb_to_recordset(d.matches) as m (watchlist_id uuid)
    ) as comes using (person_id, watchlist_id)
  ) as c
  order by d.place;
end;
$$;

comment on function watchpost.compare_searches(jsonb) is 'How searches relate to the current ones of the same embeddings, in order. same: outcome, person and matches are as they are. gained, lost: matches that are new, and that would be withdrawn. Locks the photos.';
