-- Faces leave their groups: they turn out to match, are superseded, grow old, or their photo is deleted. The next run
-- of the upkeep task checks whether the groups still hold together.

-- A deleted face that was not core may also have been counted for a core face of another group, so its neighbours are
-- found: few, or it would be core.
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
      cross join watchpost.stranger_setting as u
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
      left_over := array(
        select l
        from unnest(left_over) as l
        where not exists (select from unnest(frontier) as r where r = l)
      );
      -- Nearly all of a group is found from its first face, so this compares far fewer than all pairs.
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

comment on function watchpost.parts_of_stranger is 'The core faces of a group, in the parts that are still connected, largest first.';


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

  -- Core faces that are not core any more. Most have their neighbours in their own group; only for the others all faces
  -- are compared.
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

  -- The largest part keeps the id; the others become strangers of their own.
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
    set stranger_id = watchpost.nearest_stranger(near, similarities)
    where f.face_id = loose.face_id;
  end loop;
end;
$$;

comment on function watchpost.regroup_stranger is 'Recomputes a group that has lost faces: which faces are still core, and whether it has come apart.';


create or replace function watchpost.forget_strangers(older_than timestamptz, most integer default null) returns bigint
language plpgsql
as $$
declare
  gone bigint;
begin
  perform watchpost.begin_purge('stranger');
  delete from watchpost.stranger_face as f
  where f.face_id in (
    select o.face_id
    from watchpost.stranger_face as o
    -- created_at too, so that faces of a camera whose clock is ahead are not kept longer.
    where o.seen_at < older_than or o.created_at < older_than
    limit most
  );
  get diagnostics gone = row_count;
  perform watchpost.finish_purge();
  return gone;
end;
$$;

comment on function watchpost.forget_strangers is 'Deletes rows of stranger_face that are older than a time, at most so many; returns how many.';
