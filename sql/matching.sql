-- Whom a face is: the search, what rules a person out, and who gives way to whom in one photo.

-- searching -----------------------------------------------------------------------------------------------------------

-- The people on active watchlists that are nearest to a vector: those with the nearest references, in the order of
-- their similarity fused over all their photos, which is the cosine with the mean of their references.
--
-- Measured on the 400 ORL portraits (some photos of each person enrolled, the rest of all people as probes): at a
-- threshold of 0.45 the best single reference takes 0.38, 0.50 and 0.71% of strangers for somebody with 2, 3 and 5
-- photos a person, and finds 98.9, 99.3 and 99.6%; the mean takes 0.25, 0 and 0%, and finds 99.0, 99.2 and 99.6%. At
-- one false-positive rate they find the same within 0.3%: what the mean gains is one threshold for any number of
-- photos. The mean of the best two finds 0.5% fewer with 2 photos; the greater of best and mean errs like the best.
--
-- The exact form orders by the bare column, which no index serves.
create or replace function watchpost.nearest_people(
  probe halfvec, model text, method text, most integer default 5
) returns table (person_id uuid, reference_id uuid, similarity real, reference_similarity real)
language plpgsql
as $$
declare
  -- Who is nearest by one photo need not be by all of them: at least so many compete.
  contenders integer := greatest(most, 5);
begin
  if method = 'exact' then
    return query
    with near as materialized (
      select b.person_id, b.reference_id, b.distance
      from (
        select distinct on (r.person_id) r.person_id, r.id as reference_id, r.vector <=> probe as distance
        from watchpost.reference as r
        where r.model_id = model
          and r.superseded_at is null
          and exists (
            select
            from watchpost.watchlist_entry as e
            join watchpost.active_watchlist as w on w.id = e.watchlist_id
            where e.person_id = r.person_id
          )
        order by r.person_id, r.vector <=> probe
      ) as b
      order by b.distance
      limit contenders
    )
    select n.person_id, n.reference_id, f.similarity, (1 - n.distance)::real
    from near as n
    cross join lateral (
      select (1 - (avg(r.vector) <=> probe))::real as similarity
      from watchpost.reference as r
      where r.person_id = n.person_id and r.model_id = model and r.superseded_at is null
    ) as f
    order by f.similarity desc, n.person_id
    limit most;
    return;
  end if;

  return query select n.* from watchpost.nearest_by_index(probe, model, contenders, most) as n;
end;
$$;

comment on function watchpost.nearest_people is 'Whom a vector of this model looks like most, among the people on active watchlists: the nearest reference of each, and the similarity fused over all their photos, by which they are ordered. method: exact or hnsw.';


-- Orders by the expression of the model's index. An HNSW scan filters afterwards, so it must be iterative, or a list of
-- few people among many comes back empty. Whether the index is worth it was decided by counting (exactUpTo in
-- src/watchlist/nearest.ts): the planner, who can only guess how many people are on active lists, is kept from sorting.
create or replace function watchpost.nearest_by_index(
  probe halfvec, model text, contenders integer, most integer
) returns table (person_id uuid, reference_id uuid, similarity real, reference_similarity real)
language plpgsql set enable_sort = off
as $$
declare
  dimension integer := vector_dims(probe);
begin
  perform set_config('hnsw.iterative_scan', 'relaxed_order', true), set_config('hnsw.ef_search', '100', true);
  return query execute format(
    $query$
      with near as materialized (
        select r.person_id, r.id as reference_id, (r.vector::halfvec(%1$s)) <=> $1::halfvec(%1$s) as distance
        from watchpost.reference as r
        where r.model_id = %2$L
          and r.superseded_at is null
          and exists (
            select
            from watchpost.watchlist_entry as e
            join watchpost.active_watchlist as w on w.id = e.watchlist_id
            where e.person_id = r.person_id
          )
        order by (r.vector::halfvec(%1$s)) <=> $1::halfvec(%1$s)
        limit $2 * 8
      ),
      best as (
        select b.person_id, b.reference_id, b.distance
        from (
          select distinct on (n.person_id) n.person_id, n.reference_id, n.distance
          from near as n
          order by n.person_id, n.distance
        ) as b
        order by b.distance
        limit $2
      )
      select b.person_id, b.reference_id, f.similarity, (1 - b.distance)::real
      from best as b
      cross join lateral (
        select (1 - (avg(r.vector) <=> $1))::real as similarity
        from watchpost.reference as r
        where r.person_id = b.person_id and r.model_id = %2$L and r.superseded_at is null
      ) as f
      order by f.similarity desc, b.person_id
      limit $3
    $query$,
    dimension, model
  ) using probe, contenders, most;
end;
$$;

comment on function watchpost.nearest_by_index is 'Part of nearest_people: through the HNSW index of the model.';

-- cannot_link ---------------------------------------------------------------------------------------------------------

create or replace function watchpost.overlap(a watchpost.face, b watchpost.face) returns real
language sql immutable
return (
  greatest(0, least(a.box_x + a.box_width, b.box_x + b.box_width) - greatest(a.box_x, b.box_x))
    * greatest(0, least(a.box_y + a.box_height, b.box_y + b.box_height) - greatest(a.box_y, b.box_y))
) / nullif(
  a.box_width * a.box_height + b.box_width * b.box_height
    - greatest(0, least(a.box_x + a.box_width, b.box_x + b.box_width) - greatest(a.box_x, b.box_x))
      * greatest(0, least(a.box_y + a.box_height, b.box_y + b.box_height) - greatest(a.box_y, b.box_y)),
  0
);

comment on function watchpost.overlap is 'Intersection over union of the boxes of two faces of one photo, 0 to 1.';


-- Faces of one photo whose boxes share more than half of their union are one face, found again by a replay of detect:
-- the detector drops boxes of one pass that share more than 0.4, so two faces never do.
create or replace function watchpost.same_faces(face uuid) returns setof uuid
language sql stable
begin atomic
  select f.id
  from watchpost.face as given
  join watchpost.face as f on f.image_id = given.image_id
  where given.id = same_faces.face and (f.id = given.id or watchpost.overlap(f, given) > 0.5);
end;

comment on function watchpost.same_faces(uuid) is 'A face, and every face of its photo that is the same one, found at another time.';


-- A declared face is a reference against the person as well: the same stranger comes back in the next frame. Measured
-- on the ORL portraits, 3 photos enrolled and the most alike stranger's face declared: all 218 other photos of that
-- stranger that scored 0.40 and more were held off, and of 5,526 true matches none was lost.
create or replace function watchpost.is_ruled_out(
  person uuid, face uuid, model text, probe halfvec, similarity real
) returns boolean
language plpgsql stable
as $$
begin
  return exists (
    select
    from watchpost.cannot_link as c
    cross join lateral watchpost.same_faces(c.face_id) as declared (face_id)
    left join watchpost.embedding as e on e.face_id = declared.face_id and e.model_id = model
    where c.person_id = person
      and c.face_id is not null
      and (declared.face_id = face or 1 - (e.vector <=> probe) > is_ruled_out.similarity)
  );
end;
$$;

comment on function watchpost.is_ruled_out is 'Whether somebody has said that a face is not this person: that face, or one that this face looks like more than like the person.';


-- What stands against it goes at once. Whatever else follows, such as another face of that photo that gave way to this
-- one, is found by the task that consumes the event.
create or replace function watchpost.emit_cannot_link() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  matches uuid[];
  own uuid;
begin
  if tg_op = 'INSERT' then
    if exists (select from changed_rows as c where c.person_id = c.other_person_id) then
      raise exception 'A person can not be told apart from themselves.'
        using errcode = 'WP040', hint = 'Give two different people.';
    end if;
    select e.face_id into own
    from changed_rows as c
    join watchpost.reference as r on r.person_id = c.person_id and r.superseded_at is null
    join watchpost.embedding as e on e.id = r.embedding_id and e.face_id = c.face_id
    limit 1;
    if found then
      raise exception 'The face % is one of this person''s own references.', own
        using errcode = 'WP040', hint = 'If it is not them, take the photo back first.';
    end if;
    perform watchpost.lock_images(array(
      select f.image_id from changed_rows as c join watchpost.face as f on f.id = c.face_id
    ));
    matches := array(
      select m.id
      from changed_rows as c
      cross join lateral watchpost.same_faces(c.face_id) as declared (face_id)
      join watchpost.match as m
        on m.face_id = declared.face_id and m.person_id = c.person_id and m.superseded_at is null
      where c.face_id is not null
    );
    if matches <> '{}' then
      perform watchpost.withdraw_matches(matches, 'cannot_link');
    end if;
  end if;

  insert into watchpost.event (topic, subject_id, image_id, payload, tasks)
  select
    s.topic, c.id, f.image_id,
    jsonb_strip_nulls(jsonb_build_object(
      'cannot_link_id', c.id, 'person_id', c.person_id, 'face_id', c.face_id, 'image_id', f.image_id,
      'other_person_id', c.other_person_id, 'alert_id', c.alert_id, 'by', watchpost.actor()
    )),
    watchpost.subscribers(s.topic)
  from changed_rows as c
  left join watchpost.face as f on f.id = c.face_id
  cross join (select case tg_op when 'INSERT' then 'cannot_link.added' else 'cannot_link.removed' end as topic) as s;
  return null;
end;
$$;

comment on function watchpost.emit_cannot_link() is 'Refuses to tell somebody apart from themselves (WP040), withdraws what is said to be wrong, and writes cannot_link.added or cannot_link.removed.';

create or replace trigger cannot_link_added after insert on watchpost.cannot_link
referencing new table as changed_rows
for each statement execute function watchpost.emit_cannot_link();

create or replace trigger cannot_link_removed after delete on watchpost.cannot_link
referencing old table as changed_rows
for each statement execute function watchpost.emit_cannot_link();

-- A search that began before somebody said so: it is refused, and tried again knowing better.
create or replace function watchpost.check_match() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  wrong record;
begin
  select m.face_id, m.person_id into wrong
  from new_rows as m
  join watchpost.cannot_link as c on c.person_id = m.person_id and c.face_id is not null
  cross join lateral watchpost.same_faces(c.face_id) as declared (face_id)
  where declared.face_id = m.face_id and m.superseded_at is null
  limit 1;
  if found then
    raise exception 'Somebody has said that the face % is not the person %.', wrong.face_id, wrong.person_id
      using errcode = 'WP041', hint = 'To take that back, delete the row of cannot_link.';
  end if;
  return null;
end;
$$;

comment on function watchpost.check_match() is 'No match against a cannot_link of that very face (WP041).';

create or replace trigger match_check after insert on watchpost.match
referencing new table as new_rows
for each statement execute function watchpost.check_match();

-- one face per person in a photo --------------------------------------------------------------------------------------

-- Everybody who adds to what stands in a photo, or takes from it, holds its lock, taken in the order of the ids: so of
-- two workers that have found one person in two faces of a photo, the second sees what the first has written.
create or replace function watchpost.lock_images(images uuid[]) returns void
language plpgsql
as $$
begin
  perform from watchpost.image as i where i.id = any (images) order by i.id for no key update;
end;
$$;

comment on function watchpost.lock_images(uuid[]) is 'Takes turns on photos, until the end of the transaction.';


create or replace function watchpost.standing_matches(images uuid[]) returns table (
  match_id uuid, image_id uuid, face_id uuid, person_id uuid, similarity real
)
language plpgsql
as $$
begin
  perform watchpost.lock_images(images);
  -- A statement of its own, which sees what those before have committed.
  return query
  select m.id, m.image_id, m.face_id, m.person_id, m.similarity
  from watchpost.match as m
  where m.image_id = any (images) and m.superseded_at is null;
end;
$$;

comment on function watchpost.standing_matches(uuid[]) is 'Locks photos and tells who is in them as it stands.';


-- A search says in its outcome what stands, so it is written again with the matches withdrawn, and the old one kept.
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

comment on function watchpost.withdraw_matches is 'Supersedes matches, and their searches by ones of this outcome: outranked or cannot_link.';
