-- Strangers: faces that match nobody, grouped by likeness. DBSCAN, one face at a time: a face with min_faces neighbours
-- is core, core faces in reach of each other are one group, any other face in reach of a core face belongs to its group.
-- What comes out does not depend on the order in which the faces came, but for the faces at the border of two groups.
--
-- All of it runs in upkeep(), a batch of a second at most at a time, and touches no table that a stage writes to.
-- 10,000 faces of 1,000 strangers on one core of a server: FIGURES

-- comparing -----------------------------------------------------------------------------------------------------------

-- Written so that the operator is bound here: upkeep() runs with a search path that does not see pgvector.
create or replace function watchpost.likeness(a halfvec, b halfvec) returns real
language sql immutable parallel safe
return (1 - (a <=> b))::real;

comment on function watchpost.likeness(halfvec, halfvec) is 'Cosine of two vectors, -1 to 1.';


create or replace function watchpost.stranger_index(model text) returns text
language sql immutable parallel safe
return 'stranger_face_hnsw_' || left(encode(sha256(convert_to(model, 'UTF8')), 'hex'), 16);

comment on function watchpost.stranger_index(text) is 'Name of the HNSW index over the strangers'' faces of one model; there once they are many.';


create or replace function watchpost.index_strangers(model text) returns void
language plpgsql
as $$
declare
  home text := (
    select quote_ident(n.nspname)
    from pg_extension as e
    join pg_namespace as n on n.oid = e.extnamespace
    where e.extname = 'vector'
  );
begin
  -- A parallel build of pgvector 0.8.0 can fail.
  perform set_config('max_parallel_maintenance_workers', '0', true);
  execute format(
    'create index if not exists %I on watchpost.stranger_face using hnsw ((vector::%s.halfvec(%s)) %2$s.halfvec_cosine_ops) where model_id = %4$L',
    watchpost.stranger_index(model),
    home,
    (select m.dimension from watchpost.model as m where m.id = model),
    model
  );
end;
$$;

comment on function watchpost.index_strangers(text) is 'Makes the HNSW index over the strangers'' faces of one model.';


-- Without an index every face is compared. With one, the nearest 40 are asked for, and more while the last of them is
-- still within reach: only somebody who stands before a camera for an hour has so many.
create or replace function watchpost.stranger_neighbours(
  probe halfvec, model text, reach real
) returns table (face_id uuid, similarity real)
language plpgsql rows 20
as $$
declare
  dimension integer;
  home text;
  most integer := 40;
  found_ids uuid[];
  similarities real[];
begin
  if to_regclass('watchpost.' || watchpost.stranger_index(model)) is null then
    return query
    select f.face_id, watchpost.likeness(f.vector, probe)
    from watchpost.stranger_face as f
    where f.model_id = model and watchpost.likeness(f.vector, probe) >= reach;
    return;
  end if;

  select m.dimension into dimension from watchpost.model as m where m.id = model;
  select quote_ident(n.nspname) into home
  from pg_extension as e
  join pg_namespace as n on n.oid = e.extnamespace
  where e.extname = 'vector';
  perform set_config('hnsw.iterative_scan', 'relaxed_order', true), set_config('hnsw.ef_search', '40', true);
  loop
    execute format(
      $query$
        with near as materialized (
          select f.face_id, 1 - (f.vector::%1$s.halfvec(%2$s) operator(%1$s.<=>) $1::%1$s.halfvec(%2$s)) as similarity
          from watchpost.stranger_face as f
          where f.model_id = %3$L
          order by f.vector::%1$s.halfvec(%2$s) operator(%1$s.<=>) $1::%1$s.halfvec(%2$s)
          limit $2
        )
        select array_agg(n.face_id), array_agg(n.similarity::real) from near as n
      $query$,
      home, dimension, model
    ) into found_ids, similarities using probe, most;
    exit when coalesce(cardinality(found_ids), 0) < most
      or (select min(s) from unnest(similarities) as s) < reach
      or most >= 4096;
    most := most * 8;
  end loop;
  return query
  select n.id, n.similarity
  from unnest(found_ids, similarities) as n (id, similarity)
  where n.similarity >= reach;
end;
$$;

comment on function watchpost.stranger_neighbours is 'The strangers'' faces of this model that are at least so similar; at most 4,096 with an index.';

-- growing -------------------------------------------------------------------------------------------------------------

create or replace view watchpost.unknown_face as
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

comment on view watchpost.unknown_face is 'Good views of faces that match nobody and enrol nobody, as things stand.';


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

comment on function watchpost.merge_strangers(uuid[]) is 'Makes groups one, and returns its id: the oldest one''s, with the person that any of them has become.';


-- A face that has come to have min_faces neighbours: it joins what it reaches, or begins a group.
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
  -- Faces that went away are not taken off the count of those that are not core.
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

comment on function watchpost.make_core is 'Counts a face''s neighbours; if they are enough it becomes core, and its neighbours are of its group.';


-- The group a face that is not core belongs to.
create or replace function watchpost.stranger_beside(
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

comment on function watchpost.stranger_beside is 'The group of the nearest core face among some neighbours; null: there is none.';


create or replace function watchpost.add_stranger_face(
  unknown watchpost.unknown_face, similarity real, min_faces integer
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
  from watchpost.stranger_neighbours(unknown.vector, unknown.model_id, similarity) as n;

  -- A core face needs no count: it is core. So a face that is seen all day costs the same at its end as in the morning.
  with counted as (
    update watchpost.stranger_face as f
    set neighbours = f.neighbours + 1
    where f.face_id = any (near) and not f.core
    returning f.face_id, f.neighbours
  )
  select coalesce(array_agg(c.face_id order by c.face_id) filter (where c.neighbours >= min_faces), '{}') into risen
  from counted as c;

  -- Inserted as what it will be: changing its group later is one more insert into the HNSW index.
  own_core := cardinality(near) + 1 >= min_faces;
  if own_core then
    own_group := watchpost.merge_strangers(array(
      select distinct f.stranger_id from watchpost.stranger_face as f where f.face_id = any (near) and f.core
    ));
    if own_group is null then
      insert into watchpost.stranger (model_id) values (unknown.model_id) returning id into own_group;
    end if;
  else
    own_group := watchpost.stranger_beside(near, similarities);
  end if;
  insert into watchpost.stranger_face
    (face_id, embedding_id, search_id, model_id, vector, norm, seen_at, neighbours, core, stranger_id)
  values (
    unknown.face_id, unknown.embedding_id, unknown.search_id, unknown.model_id, unknown.vector, unknown.norm,
    unknown.seen_at, cardinality(near) + 1, own_core, own_group
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

comment on function watchpost.add_stranger_face is 'Takes a face in: counts it with its neighbours, and makes, extends or joins groups.';

-- shrinking -----------------------------------------------------------------------------------------------------------

-- A group that loses a face is looked at again by the next run. A face at the border may have counted for the core of
-- another group as well; it has few neighbours, or it would be core.
create or replace function watchpost.mark_strangers_stale() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  update watchpost.stranger as s
  set stale = true
  where not s.stale
    and s.id in (
      select o.stranger_id
      from old_rows as o
      union
      select f.stranger_id
      from old_rows as o
      cross join watchpost.unknowns_setting as u
      cross join lateral watchpost.stranger_neighbours(o.vector, o.model_id, u.similarity) as n
      join watchpost.stranger_face as f on f.face_id = n.face_id and f.core
      where o.stranger_id is not null and not o.core
    );
  return null;
end;
$$;

comment on function watchpost.mark_strangers_stale() is 'Marks the groups that a deleted face may have held together.';

create or replace trigger stranger_face_stale after delete on watchpost.stranger_face
referencing old table as old_rows
for each statement execute function watchpost.mark_strangers_stale();


-- The parts that the core faces of a group fall into, largest first.
create or replace function watchpost.parts_of_stranger(stranger uuid, similarity real) returns table (part uuid[])
language plpgsql
as $$
declare
  left_over uuid[] := array(
    select f.face_id
    from watchpost.stranger_face as f
    where f.stranger_id = stranger and f.core
    order by f.seen_at, f.face_id
  );
  frontier uuid[];
  whole uuid[];
  parts jsonb := '[]';
begin
  while left_over <> '{}' loop
    frontier := left_over[1:1];
    whole := '{}';
    while frontier <> '{}' loop
      whole := whole || frontier;
      left_over := array(select l from unnest(left_over) as l where l <> all (frontier));
      -- Nearly all of a group is found from its first face, so this is far from comparing each with each.
      frontier := array(
        select l.face_id
        from watchpost.stranger_face as l
        where l.face_id = any (left_over)
          and exists (
            select
            from watchpost.stranger_face as r
            where r.face_id = any (frontier) and watchpost.likeness(l.vector, r.vector) >= similarity
          )
      );
    end loop;
    parts := parts || jsonb_build_array(to_jsonb(whole));
  end loop;
  return query
  select array(select jsonb_array_elements_text(p.part)::uuid)
  from jsonb_array_elements(parts) with ordinality as p (part, place)
  order by jsonb_array_length(p.part) desc, p.place;
end;
$$;

comment on function watchpost.parts_of_stranger is 'The core faces of a group, by what still holds together.';


create or replace function watchpost.regroup_stranger(stranger uuid, similarity real, min_faces integer) returns void
language plpgsql
as $$
declare
  doubtful record;
  loose record;
  counted integer;
  near uuid[];
  similarities real[];
  found_part record;
  next_id uuid := stranger;
begin
  update watchpost.stranger as s set stale = false where s.id = stranger;

  -- Which core faces are core no longer? Most find their neighbours in their own group; only the rest asks for all.
  for doubtful in
    select f.face_id, f.vector, f.model_id
    from watchpost.stranger_face as f
    where f.stranger_id = stranger
      and f.core
      and min_faces > (
        select count(*)
        from (
          select
          from watchpost.stranger_face as o
          where o.stranger_id = stranger and watchpost.likeness(o.vector, f.vector) >= similarity
          limit min_faces
        ) as own
      )
  loop
    select count(*) into counted
    from watchpost.stranger_neighbours(doubtful.vector, doubtful.model_id, similarity);
    if counted < min_faces then
      update watchpost.stranger_face as f
      set core = false, neighbours = greatest(counted, 1)
      where f.face_id = doubtful.face_id;
    end if;
  end loop;

  -- The largest part keeps the name; the others are strangers of their own.
  for found_part in select p.part from watchpost.parts_of_stranger(stranger, similarity) as p loop
    if next_id is null then
      insert into watchpost.stranger (model_id)
      select s.model_id from watchpost.stranger as s where s.id = stranger
      returning id into next_id;
      update watchpost.stranger_face as f set stranger_id = next_id where f.face_id = any (found_part.part);
    end if;
    next_id := null;
  end loop;

  for loose in
    select f.face_id, f.vector, f.model_id
    from watchpost.stranger_face as f
    where f.stranger_id = stranger and not f.core
  loop
    select array_agg(n.face_id), array_agg(n.similarity) into near, similarities
    from watchpost.stranger_neighbours(loose.vector, loose.model_id, similarity) as n;
    update watchpost.stranger_face as f
    set stranger_id = watchpost.stranger_beside(near, similarities)
    where f.face_id = loose.face_id;
  end loop;
end;
$$;

comment on function watchpost.regroup_stranger is 'Looks again at a group that has lost faces: what is core no longer, and what has come apart.';


create or replace function watchpost.forget_strangers(older_than timestamptz, most integer default null) returns bigint
language plpgsql
as $$
declare
  gone bigint;
begin
  delete from watchpost.stranger_face as f
  where f.face_id in (
    select o.face_id
    from watchpost.stranger_face as o
    -- A camera whose clock is ahead does not keep its faces longer.
    where o.seen_at < older_than or o.created_at < older_than
    limit most
  );
  get diagnostics gone = row_count;
  return gone;
end;
$$;

comment on function watchpost.forget_strangers is 'Takes faces off stranger_face that are older than a moment, and tells how many; at most so many.';

-- the task ------------------------------------------------------------------------------------------------------------

create or replace function watchpost.group_strangers(
  most integer default 500, out result text, out more boolean
)
language plpgsql
as $$
declare
  begun timestamptz := clock_timestamp();
  enough constant interval := '1 second';
  setting record;
  unknown watchpost.unknown_face;
  stale_id uuid;
  taken integer := 0;
  known bigint := 0;
  forgotten bigint := 0;
  strangers bigint;
  models text[];
begin
  -- One run at a time, and none while somebody changes the setting or names a stranger.
  select u.* into setting from watchpost.unknowns_setting as u for update;
  more := false;

  if setting.enabled then
    -- Up to 5,000 faces comparing them all is as fast as asking an index and keeping it. Named first and made then: an index can not be
    -- made while a question to its table is open.
    models := array(
      select m.id
      from watchpost.model as m
      where m.role = 'embedder'
        and to_regclass('watchpost.' || watchpost.stranger_index(m.id)) is null
        and 5000 < (
          select count(*)
          from (select from watchpost.stranger_face as f where f.model_id = m.id limit 5001) as many
        )
    );
    for i in 1 .. cardinality(models) loop
      perform watchpost.index_strangers(models[i]);
    end loop;

    -- Ten minutes are read again each time: a search is seen when its transaction ends, which is after its id was made.
    for unknown in
      select u.*
      from watchpost.unknown_face as u
      where u.search_id > coalesce(
          watchpost.uuidv7_at(watchpost.uuidv7_time(setting.upto) - interval '10 minutes'),
          watchpost.uuidv7_at(now() - setting.retention)
        )
        and u.seen_at > now() - setting.retention
        and u.received_at > now() - setting.retention
        and not exists (
          select from watchpost.stranger_face as f where f.face_id = u.face_id and f.search_id = u.search_id
        )
      order by u.search_id
      limit most
    loop
      -- Searched again and still nobody: it stays where it is.
      update watchpost.stranger_face as f
      set search_id = unknown.search_id
      where f.face_id = unknown.face_id and f.embedding_id = unknown.embedding_id;
      if not found then
        delete from watchpost.stranger_face as f where f.face_id = unknown.face_id;
        perform watchpost.add_stranger_face(unknown, setting.similarity, setting.min_faces);
      end if;
      taken := taken + 1;
      setting.upto := unknown.search_id;
      more := taken = most or clock_timestamp() > begun + enough;
      exit when more;
    end loop;
    if not more then
      setting.upto := watchpost.uuidv7_at(begun);
    end if;
    update watchpost.unknowns_setting as u set upto = setting.upto;
  end if;

  if not more then
    delete from watchpost.stranger_face as f
    where exists (select from watchpost.match as m where m.face_id = f.face_id and m.superseded_at is null)
      or exists (select from watchpost.reference as r where r.embedding_id = f.embedding_id and r.superseded_at is null)
      or exists (select from watchpost.embedding as e where e.id = f.embedding_id and e.superseded_at is not null)
      or exists (select from watchpost.face as s where s.id = f.face_id and s.superseded_at is not null)
      or exists (select from watchpost.search as s where s.id = f.search_id and s.superseded_at is not null);
    get diagnostics known = row_count;

    forgotten := watchpost.forget_strangers(now() - setting.retention, 1000);
    more := forgotten = 1000;
  end if;

  loop
    exit when clock_timestamp() > begun + enough;
    select s.id into stale_id from watchpost.stranger as s where s.stale order by s.id limit 1;
    exit when not found;
    perform watchpost.regroup_stranger(stale_id, setting.similarity, setting.min_faces);
  end loop;
  more := more or exists (select from watchpost.stranger as s where s.stale);
  -- One that has become a person stays, so that its id still tells whom; what was merged into it stays with it.
  delete from watchpost.stranger as s
  where s.person_id is null
    and s.merged_into is null
    and not exists (select from watchpost.stranger_face as f where f.stranger_id = s.id);
  get diagnostics strangers = row_count;

  if forgotten > 0 then
    perform watchpost.emit_forgotten(setting.id, forgotten, strangers);
  end if;
  result := format('%s faces taken in, %s known now, %s forgotten', taken, known, forgotten);
end;
$$;

comment on function watchpost.group_strangers is 'One bounded batch of the upkeep task unknowns: takes new faces in, lets go of those that are known now or too old, and mends the groups they leave. more: there is more to do at once.';

-- switching -----------------------------------------------------------------------------------------------------------

create or replace function watchpost.emit_forgotten(setting uuid, faces bigint, strangers bigint) returns void
language sql
begin atomic
  insert into watchpost.event (topic, subject_id, payload, tasks)
  values (
    'unknowns.forgotten', setting,
    jsonb_build_object('faces', faces, 'strangers', strangers, 'by', watchpost.actor()),
    watchpost.subscribers('unknowns.forgotten')
  );
end;

comment on function watchpost.emit_forgotten is 'One unknowns.forgotten for faces that were let go because of their age, or by hand.';


create or replace function watchpost.emit_unknowns_changed() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  -- Groups of another reach are other groups.
  if (new.similarity, new.min_faces) is distinct from (old.similarity, old.min_faces) then
    delete from watchpost.stranger_face;
    delete from watchpost.stranger as s where s.person_id is null;
    update watchpost.unknowns_setting as u set upto = null;
  end if;
  insert into watchpost.event (topic, subject_id, payload, tasks)
  values (
    'unknowns.changed', new.id,
    to_jsonb(new) - '{one,id,upto}'::text[] || jsonb_build_object('by', watchpost.actor()),
    watchpost.subscribers('unknowns.changed')
  );
  return null;
end;
$$;

comment on function watchpost.emit_unknowns_changed() is 'One unknowns.changed for each change of how faces that match nobody are grouped; another similarity or min_faces groups anew.';

create or replace trigger unknowns_setting_emit
after update of enabled, similarity, min_faces, visit_gap, retention on watchpost.unknowns_setting
for each row
when (
  (old.enabled, old.similarity, old.min_faces, old.visit_gap, old.retention)
  is distinct from (new.enabled, new.similarity, new.min_faces, new.visit_gap, new.retention)
)
execute function watchpost.emit_unknowns_changed();


create or replace function watchpost.enable_unknowns(
  similarity real     default null,
  min_faces  integer  default null,
  retention  interval default null,
  visit_gap  interval default null
) returns void
language plpgsql
as $$
begin
  update watchpost.unknowns_setting as u
  set enabled = true,
      similarity = coalesce(enable_unknowns.similarity, u.similarity),
      min_faces = coalesce(enable_unknowns.min_faces, u.min_faces),
      retention = coalesce(enable_unknowns.retention, u.retention),
      visit_gap = coalesce(enable_unknowns.visit_gap, u.visit_gap),
      upto = case when u.enabled and enable_unknowns.retention is null then u.upto end;
exception
  when check_violation or numeric_value_out_of_range then
    raise exception 'Strangers can not be grouped like this: similarity %, min_faces %, retention %, visit_gap %.',
      similarity, min_faces, retention, visit_gap
      using errcode = 'WP063',
            hint = 'similarity lies between 0 and 1, min_faces between 2 and 100, retention goes up to 10 years, and no time is negative.';
end;
$$;

comment on function watchpost.enable_unknowns is 'Has faces that match nobody grouped from now on, also those that are here already and not older than retention. What is not given stays as it is; what can not be is an error (WP063).';


create or replace function watchpost.disable_unknowns(forget boolean default false) returns void
language plpgsql
as $$
declare
  setting uuid;
  strangers bigint;
  faces bigint;
begin
  update watchpost.unknowns_setting as u set enabled = false returning u.id into setting;
  if not forget then
    return;
  end if;
  faces := watchpost.forget_strangers('infinity');
  delete from watchpost.stranger as s where s.person_id is null;
  get diagnostics strangers = row_count;
  perform watchpost.emit_forgotten(setting, faces, strangers);
end;
$$;

comment on function watchpost.disable_unknowns is 'Groups no more faces. What is grouped goes by its retention, or at once with forget.';

-- asking --------------------------------------------------------------------------------------------------------------

create or replace view watchpost.stranger_sighting as
select
  g.stranger_id,
  g.person_id,
  sum(g.begins) over (partition by g.stranger_id order by g.seen_at, g.face_id)::integer as visit,
  g.seen_at,
  g.camera,
  g.location,
  g.face_id,
  g.image_id,
  g.norm
from (
  select
    s.id as stranger_id,
    s.person_id,
    f.seen_at,
    k.name as camera,
    k.location,
    f.face_id,
    i.image_id,
    f.norm,
    case
      when f.seen_at - lag(f.seen_at) over (partition by s.id order by f.seen_at, f.face_id) < u.visit_gap then 0
      else 1
    end as begins
  from watchpost.stranger as s
  join watchpost.stranger_face as f on f.stranger_id = s.id
  join watchpost.face as i on i.id = f.face_id
  join watchpost.image as p on p.id = i.image_id
  left join watchpost.camera as k on k.id = p.camera_id
  cross join watchpost.unknowns_setting as u
) as g;

comment on view   watchpost.stranger_sighting        is 'Every face of every stranger, with where and when.';
comment on column watchpost.stranger_sighting.visit  is 'Counted from 1: faces that are closer in time than visit_gap are one visit, so fifty frames of one minute are.';
comment on column watchpost.stranger_sighting.norm   is 'Of the embedding: the higher, the better the view.';


create or replace view watchpost.stranger_visit as
select
  v.stranger_id,
  v.person_id,
  v.visit,
  min(v.seen_at) as first_seen,
  max(v.seen_at) as last_seen,
  count(*)::integer as faces,
  coalesce(array_agg(distinct v.camera) filter (where v.camera is not null), '{}') as cameras,
  (array_agg(v.face_id order by v.norm desc, v.face_id))[1] as best_face_id,
  max(v.norm) as best_norm
from watchpost.stranger_sighting as v
group by v.stranger_id, v.person_id, v.visit;

comment on view watchpost.stranger_visit is 'Every visit of every stranger.';


create or replace view watchpost.recurring_stranger as
select
  v.stranger_id,
  count(distinct v.visit)::integer as visits,
  count(distinct v.seen_at::date)::integer as days,
  count(*)::integer as faces,
  min(v.seen_at) as first_seen,
  max(v.seen_at) as last_seen,
  coalesce(array_agg(distinct v.camera) filter (where v.camera is not null), '{}') as cameras,
  (array_agg(v.face_id order by v.norm desc, v.face_id))[1] as best_face_id
from watchpost.stranger_sighting as v
where v.person_id is null
group by v.stranger_id
having count(distinct v.visit) >= 2;

comment on view   watchpost.recurring_stranger              is 'Who has come more than once and is nobody: groups that no one has made a person.';
comment on column watchpost.recurring_stranger.days         is 'On how many dates, in the time zone of the session.';
comment on column watchpost.recurring_stranger.best_face_id is 'The best view: GET /v1/faces/ID/crop shows it.';

-- naming --------------------------------------------------------------------------------------------------------------

-- The best view of each visit first, then the second best of each.
create or replace function watchpost.best_of_stranger(stranger uuid, most integer default 5) returns uuid[]
language sql stable
begin atomic
  select array(
    select b.face_id
    from (
      select
        v.face_id,
        v.norm,
        row_number() over (partition by v.visit order by v.norm desc, v.face_id) as place
      from watchpost.stranger_sighting as v
      where v.stranger_id = stranger
    ) as b
    order by b.place, b.norm desc, b.face_id
    limit most
  );
end;

comment on function watchpost.best_of_stranger is 'A group''s best views, spread over its visits.';


create or replace function watchpost.enrol_stranger(
  stranger     uuid,
  name         text,
  external_ref text   default null,
  watchlists   text[] default '{}'
) returns uuid
language plpgsql
as $$
declare
  known record;
  person uuid;
  wanted text;
  list uuid;
  best uuid[];
begin
  -- No run moves faces meanwhile.
  perform from watchpost.unknowns_setting for update;
  select k.id, k.person_id into known
  from watchpost.stranger as s
  join watchpost.stranger as k on k.id = coalesce(s.merged_into, s.id)
  where s.id = stranger;
  if not found then
    raise exception 'There is no stranger %.', stranger
      using errcode = 'WP060', hint = 'select stranger_id from watchpost.recurring_stranger lists them. A group that has lost its faces is gone.';
  end if;
  if known.person_id is not null then
    raise exception 'This stranger is a person already: %.', known.person_id
      using errcode = 'WP061', hint = 'Give that person the name, or more photos.';
  end if;

  insert into watchpost.person (name, external_ref)
  values (enrol_stranger.name, enrol_stranger.external_ref)
  returning id into person;
  foreach wanted in array watchlists loop
    select w.id into list
    from watchpost.watchlist as w
    where w.name = wanted or w.id::text = lower(wanted)
    order by w.name = wanted desc
    limit 1;
    if not found then
      raise exception 'There is no watchlist %.', quote_literal(wanted)
        using errcode = 'WP062',
              hint = 'Watchlists: ' || coalesce((select string_agg(w.name, ', ' order by w.name) from watchpost.watchlist as w), 'none yet') || '.';
    end if;
    insert into watchpost.watchlist_entry (watchlist_id, person_id) values (list, person) on conflict do nothing;
  end loop;

  best := watchpost.best_of_stranger(known.id);
  for i in 1 .. cardinality(best) loop
    perform watchpost.enrol_face(person, best[i]);
  end loop;

  update watchpost.stranger as s
  set person_id = person, named_at = clock_timestamp(), named_by = watchpost.actor()
  where s.id = known.id;
  insert into watchpost.event (topic, subject_id, payload, tasks)
  values (
    'stranger.named', known.id,
    jsonb_build_object('stranger_id', known.id, 'person_id', person, 'face_ids', best, 'by', watchpost.actor()),
    watchpost.subscribers('stranger.named')
  );
  return person;
end;
$$;

comment on function watchpost.enrol_stranger is 'Makes a group a person, on these lists (names or ids), with its five best views as photos, and returns the person''s id. An unknown group is an error (WP060), one that is a person already (WP061), an unknown list (WP062).';
