-- The past faces that a batch of a backfill searches again.

create or replace function watchpost.next_past_faces(
  backfill uuid, below uuid, scan integer, most integer, from_key uuid default null
) returns table (embeddings uuid[], searched integer, next_cursor uuid)
language plpgsql stable
as $$
declare
  asked watchpost.backfill;
begin
  select b.* into asked from watchpost.backfill as b where b.id = backfill;
  if asked.reason in ('removed', 'cannot_link') then
    return query
    select watchpost.searched_through(p.embeddings), p.searched, p.next_cursor
    from watchpost.past_faces_in_photos(asked, below, most) as p;
  else
    return query
    select watchpost.searched_through(p.embeddings), p.searched, p.next_cursor
    from watchpost.past_faces_like(asked, below, scan, most, from_key) as p;
  end if;
end;
$$;

comment on function watchpost.next_past_faces is 'The next batch of a backfill: compares at most scan embeddings below the cursor, none of them below from_key, and returns at most most of them, which are to be searched again. next_cursor is null when there are no more.';


-- All faces of the photos in which the person was found: one that was outranked by a match that is withdrawn now may
-- match.
create or replace function watchpost.past_faces_in_photos(
  asked watchpost.backfill, below uuid, most integer
) returns table (embeddings uuid[], searched integer, next_cursor uuid)
language plpgsql stable set enable_seqscan = off set enable_bitmapscan = off set jit = off
as $$
begin
  return query
  with past as (
    select e.id
    from (
      select distinct m.image_id
      from watchpost.match as m
      where m.person_id = asked.person_id
        and (
          m.superseded_at is null
          or m.superseded_because in ('cannot_link', 'photo_removed', 'unmerged')
          or m.reference_id = any (asked.reference_ids)
        )
    ) as i
    join watchpost.face as f on f.image_id = i.image_id and f.superseded_at is null
    join watchpost.embedding as e on e.face_id = f.id and e.model_id = asked.model_id and e.superseded_at is null
    where below is null or e.id < below
    order by e.id desc
    limit most
  )
  select
    coalesce(array_agg(p.id order by p.id desc), '{}'),
    count(*)::integer,
    case when count(*) = most then (array_agg(p.id order by p.id))[1] end
  from past as p;
end;
$$;

comment on function watchpost.past_faces_in_photos is 'Part of next_past_faces, after a removal or a cannot_link: the embeddings of the photos the person was found in.';


-- The embeddings whose similarity() to the person reaches the lowest threshold: the inner product with the scaled mean,
-- plus the constant term (vector_of_person), with 0.001 for rounding.
create or replace function watchpost.past_faces_like(
  asked watchpost.backfill, below uuid, scan integer, most integer, from_key uuid
) returns table (embeddings uuid[], searched integer, next_cursor uuid)
language plpgsql stable set enable_seqscan = off set enable_bitmapscan = off set jit = off
as $$
declare
  threshold real := watchpost.lowest_threshold(asked.person_id);
  person halfvec := (
    select v.vector
    from watchpost.person_vector as v
    where v.person_id = asked.person_id and v.model_id = asked.model_id
  );
  scaled halfvec;
  added real;
  first uuid := coalesce(below, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
  last uuid := coalesce(from_key, '00000000-0000-0000-0000-000000000000');
  compared integer;
  near uuid[];
  reached uuid;
begin
  if threshold is null or person is null then
    return query select '{}'::uuid[], 0, null::uuid;
    return;
  end if;
  scaled := subvector(person, 1, vector_dims(person) - 2);
  added := (person::real[])[vector_dims(person) - 1];

  -- For somebody who is seen often a batch is full after few faces: scan about twice as many as are needed, by what was
  -- found so far.
  if asked.found >= most then
    scan := least(scan, greatest(50000, 2 * most * asked.searched::bigint / asked.found));
  end if;

  -- One pass, backwards along the key: in the order of the rows on disk. Nothing is kept of a face that is not near,
  -- not even its id: an array of a million took 0.2 s of 0.6.
  select count(*), coalesce(array_agg(p.id) filter (where p.distance <= added - threshold + 0.001), '{}')
  into compared, near
  from (
    select e.id, e.vector <#> scaled as distance
    from watchpost.embedding as e
    where e.model_id = asked.model_id and e.superseded_at is null and e.id < first and e.id >= last
    order by e.id desc
    limit scan
  ) as p;
  near := watchpost.newest_probes(near, most);

  -- A full batch ends with the last face that it has found.
  if cardinality(near) = most then
    reached := near[most];
    compared := (
      select count(*)
      from watchpost.embedding as e
      where e.model_id = asked.model_id and e.superseded_at is null and e.id < first and e.id >= reached
    );
  elsif compared = scan then
    reached := (
      select e.id
      from watchpost.embedding as e
      where e.model_id = asked.model_id and e.superseded_at is null and e.id < first and e.id >= last
      order by e.id desc
      offset scan - 1
      limit 1
    );
  end if;
  near := near || watchpost.past_tracks_like(
    asked.model_id, scaled, added - threshold + 0.001, below, greatest(last, reached)
  );
  return query select near, compared, reached;
end;
$$;

comment on function watchpost.past_faces_like is 'Part of next_past_faces, after an enrolment or an entry on a list: the embeddings that are similar enough to the person.';


-- A track may be near enough where none of its faces is. Its key is made within a day of that of the face that stands for
-- it, so this reads the tracks of the time of the batch only.
create or replace function watchpost.past_tracks_like(
  model text, scaled halfvec, reach double precision, below uuid, from_key uuid
) returns uuid[]
language plpgsql stable
as $$
declare
  first constant uuid := watchpost.uuidv7_at(watchpost.uuidv7_time(nullif(below, 'ffffffff-ffff-ffff-ffff-ffffffffffff')) + interval '1 day');
  last constant uuid := watchpost.uuidv7_at(greatest(watchpost.uuidv7_time(from_key) - interval '1 day', 'epoch'));
begin
  return array(
    select e.id
    from watchpost.track as t
    join watchpost.embedding as e on e.face_id = t.face_id and e.model_id = t.model_id and e.superseded_at is null
    where t.id >= last
      and (first is null or t.id < first)
      and t.model_id = model
      and t.vector <#> scaled <= reach
      and (below is null or e.id < below)
      and e.id >= from_key
    order by e.id desc
  );
end;
$$;

comment on function watchpost.past_tracks_like is 'Part of past_faces_like: the embeddings through which the tracks are searched whose fused vector is similar enough.';


-- A face that is still to be tied to a track is left to that: its track is searched with it.
create or replace function watchpost.searched_through(embeddings uuid[]) returns uuid[]
language plpgsql stable
as $$
begin
  return array(
    select distinct coalesce(s.id, e.id)
    from unnest(embeddings) as n (id)
    join watchpost.embedding as e on e.id = n.id
    join watchpost.face as f on f.id = e.face_id
    join watchpost.image as i on i.id = f.image_id
    left join watchpost.camera as c on c.id = i.camera_id
    left join watchpost.track as t on t.id = f.track_id
    left join watchpost.embedding as s on s.face_id = t.face_id and s.model_id = e.model_id and s.superseded_at is null
    where case
      when f.track_id is not null then s.id is not null
      when c.frames_per_second is null then true
      else not exists (
        select
        from watchpost.event as v
        where v.subject_id = e.id
          and v.id >= watchpost.uuidv7_at(e.created_at - interval '1 hour')
          and v.topic = 'face.embedded'
          and 'track' = any (v.tasks)
      )
    end
    order by 1 desc
  );
end;
$$;

comment on function watchpost.searched_through(uuid[]) is 'The embeddings through which some faces are searched: their own, and of a face of a track that of the face that stands for it.';


create or replace function watchpost.newest_probes(embeddings uuid[], most integer) returns uuid[]
language plpgsql stable
as $$
begin
  return array(
    select e.id
    from unnest(embeddings) as n (id)
    join watchpost.embedding as e on e.id = n.id
    join watchpost.face as f on f.id = e.face_id
    join watchpost.image as i on i.id = f.image_id and i.purpose = 'probe'
    order by e.id desc
    limit most
  );
end;
$$;

comment on function watchpost.newest_probes is 'Of these embeddings those of probes, newest first, at most most of them.';
