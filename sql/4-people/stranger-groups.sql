-- Grouping faces that match nobody into strangers: DBSCAN, one face at a time. A face with min_faces neighbours is a
-- core face; core faces that are neighbours are in one group; any other neighbour of a core face is in its group. The
-- result does not depend on the order of the faces, except for faces at the border of two groups.

create or replace view watchpost.stranger_candidate with (security_invoker = true) as
select
  s.id as search_id,
  e.face_id,
  e.id as embedding_id,
  e.model_id,
  e.vector,
  e.norm,
  i.id as image_id,
  i.camera_id,
  i.captured_at as seen_at,
  i.received_at
from watchpost.search as s
join watchpost.embedding as e on e.id = s.embedding_id and e.superseded_at is null
join watchpost.face as f on f.id = e.face_id and f.superseded_at is null
join watchpost.image as i on i.id = f.image_id and i.purpose = 'probe'
where s.superseded_at is null
  and s.outcome in ('nobody', 'below_threshold', 'cannot_link')
  and s.gate = '{}'
  and not exists (select from watchpost.match as m where m.face_id = e.face_id and m.superseded_at is null)
  and not exists (select from watchpost.reference as r where r.embedding_id = e.id and r.superseded_at is null);

comment on view watchpost.stranger_candidate is 'Good views of faces that now match nobody and enrol nobody: what is grouped into strangers.';


create or replace function watchpost.merge_strangers(strangers uuid[]) returns uuid
language plpgsql
as $$
declare
  kept uuid := (select s from unnest(strangers) as s order by s limit 1);
  others uuid[] := array_remove(strangers, kept);
begin
  if others = '{}' then
    return kept;
  end if;
  update watchpost.stranger as s
  set stale = s.stale or o.stale,
      person_id = coalesce(s.person_id, o.person_id),
      named_at = coalesce(s.named_at, o.named_at),
      named_by = coalesce(s.named_by, o.named_by)
  from (
    select
      bool_or(o.stale) as stale,
      (array_agg(o.person_id order by o.id) filter (where o.person_id is not null))[1] as person_id,
      (array_agg(o.named_at order by o.id) filter (where o.person_id is not null))[1] as named_at,
      (array_agg(o.named_by order by o.id) filter (where o.person_id is not null))[1] as named_by
    from watchpost.stranger as o
    where o.id = any (others)
  ) as o
  where s.id = kept;
  update watchpost.stranger_face as f set stranger_id = kept where f.stranger_id = any (others);
  update watchpost.stranger as s
  set merged_into = kept, stale = false
  where s.id = any (others) or s.merged_into = any (others);
  return kept;
end;
$$;

comment on function watchpost.merge_strangers(uuid[]) is 'Merges groups into the oldest of them and returns its id; it takes over the person that any of them has become.';


-- For a face whose count has reached min_faces: it joins the groups of its neighbours, or starts one.
create or replace function watchpost.make_core(face uuid, similarity real, min_faces integer) returns void
language plpgsql
as $$
declare
  near uuid[];
  own record;
  kept uuid;
begin
  select f.vector, f.model_id into own from watchpost.stranger_face as f where f.face_id = face;
  near := array(select n.face_id from watchpost.stranger_neighbours(own.vector, own.model_id, similarity) as n);
  -- The count of a face that is not core is not lowered when a neighbour is deleted, so it may be too high.
  if cardinality(near) < min_faces then
    update watchpost.stranger_face as f set neighbours = greatest(cardinality(near), 1) where f.face_id = face;
    return;
  end if;
  kept := watchpost.merge_strangers(array(
    select distinct f.stranger_id from watchpost.stranger_face as f where f.face_id = any (near) and f.core
  ));
  if kept is null then
    insert into watchpost.stranger (model_id) values (own.model_id) returning id into kept;
  end if;
  update watchpost.stranger_face as f
  set core = true, neighbours = cardinality(near), stranger_id = kept
  where f.face_id = face;
  update watchpost.stranger_face as f
  set stranger_id = kept
  where f.face_id = any (near) and f.stranger_id is null;
end;
$$;

comment on function watchpost.make_core is 'Counts a face''s neighbours; if they are enough the face becomes core, and its neighbours join its group.';


create or replace function watchpost.nearest_stranger(
  near uuid[], similarities real[]
) returns uuid
language sql stable
return (
  select f.stranger_id
  from unnest(near, similarities) as n (face_id, similarity)
  join watchpost.stranger_face as f on f.face_id = n.face_id and f.core
  order by n.similarity desc, n.face_id
  limit 1
);

comment on function watchpost.nearest_stranger is 'The group of the nearest core face among some neighbours; null: there is none.';


create or replace function watchpost.add_stranger_face(
  candidate watchpost.stranger_candidate, similarity real, min_faces integer
) returns void
language plpgsql
as $$
declare
  near uuid[];
  similarities real[];
  risen uuid[];
  own_group uuid;
  own_core boolean;
begin
  select coalesce(array_agg(n.face_id), '{}'), coalesce(array_agg(n.similarity), '{}') into near, similarities
  from watchpost.stranger_neighbours(candidate.vector, candidate.model_id, similarity) as n;

  -- A core face needs no count, so somebody who is seen all day costs no more in the evening than in the morning.
  with counted as (
    update watchpost.stranger_face as f
    set neighbours = f.neighbours + 1
    where f.face_id = any (near) and not f.core
    returning f.face_id, f.neighbours
  )
  select coalesce(array_agg(c.face_id order by c.face_id) filter (where c.neighbours >= min_faces), '{}') into risen
  from counted as c;

  -- Inserted with its group: setting it later would insert into the HNSW index once more.
  own_core := cardinality(near) + 1 >= min_faces;
  if own_core then
    own_group := watchpost.merge_strangers(array(
      select distinct f.stranger_id from watchpost.stranger_face as f where f.face_id = any (near) and f.core
    ));
    if own_group is null then
      insert into watchpost.stranger (model_id) values (candidate.model_id) returning id into own_group;
    end if;
  else
    own_group := watchpost.nearest_stranger(near, similarities);
  end if;
  insert into watchpost.stranger_face
    (face_id, embedding_id, search_id, model_id, vector, norm, seen_at, neighbours, core, stranger_id)
  values (
    candidate.face_id, candidate.embedding_id, candidate.search_id, candidate.model_id, candidate.vector, candidate.norm,
    candidate.seen_at, cardinality(near) + 1, own_core, own_group
  );
  if own_core then
    update watchpost.stranger_face as f
    set stranger_id = own_group
    where f.face_id = any (near) and f.stranger_id is null and not f.face_id = any (risen);
  end if;

  for i in 1 .. cardinality(risen) loop
    perform watchpost.make_core(risen[i], similarity, min_faces);
  end loop;
end;
$$;

comment on function watchpost.add_stranger_face is 'Adds a face: counts it with its neighbours, and starts, extends or merges groups.';
