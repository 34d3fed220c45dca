-- Grouping strangers: the upkeep task. A run takes a second, plus the creation of an index, and locks no row that a
-- stage writes.

-- Up to 5,000 faces comparing all of them is as fast as searching an index and maintaining it.
create or replace function watchpost.index_many_strangers() returns void
language plpgsql
as $$
declare
  -- Collected first, because an index cannot be created while a query on its table is open.
  models text[] := array(
    select m.id
    from watchpost.model as m
    where m.role = 'embedder'
      and to_regclass('watchpost.' || watchpost.stranger_index(m.id)) is null
      and 5000 < (
        select count(*)
        from (select from watchpost.stranger_face as f where f.model_id = m.id limit 5001) as many
      )
  );
begin
  for i in 1 .. cardinality(models) loop
    perform watchpost.index_strangers(models[i]);
  end loop;
end;
$$;

comment on function watchpost.index_many_strangers() is 'Creates the HNSW index of each model with more than 5,000 strangers'' faces.';


create or replace function watchpost.add_stranger_candidates(
  setting watchpost.stranger_setting, most integer, deadline timestamptz, out added integer, out more boolean
)
language plpgsql
as $$
declare
  begun timestamptz := clock_timestamp();
  oldest constant timestamptz := now() - watchpost.stranger_age();
  reached uuid;
  candidate watchpost.stranger_candidate;
begin
  added := 0;
  more := false;
  -- Ten minutes are read again each time: a search becomes visible when its transaction ends, after its id was made.
  for candidate in
    select u.*
    from watchpost.stranger_candidate as u
    where u.search_id > coalesce(
        watchpost.uuidv7_at(watchpost.uuidv7_time(setting.upto) - interval '10 minutes'),
        watchpost.uuidv7_at(oldest)
      )
      and u.seen_at > oldest
      and u.received_at > oldest
      and not exists (
        select from watchpost.stranger_face as f where f.face_id = u.face_id and f.search_id = u.search_id
      )
    order by u.search_id
    limit most
  loop
    -- A face that was searched again and still matches nobody stays where it is.
    update watchpost.stranger_face as f
    set search_id = candidate.search_id
    where f.face_id = candidate.face_id and f.embedding_id = candidate.embedding_id;
    if not found then
      delete from watchpost.stranger_face as f where f.face_id = candidate.face_id;
      perform watchpost.add_stranger_face(candidate, setting.similarity, setting.min_faces);
    end if;
    added := added + 1;
    reached := candidate.search_id;
    more := added = most or clock_timestamp() > deadline;
    exit when more;
  end loop;
  update watchpost.stranger_setting as s
  set upto = case when more then reached else watchpost.uuidv7_at(begun) end;
end;
$$;

comment on function watchpost.add_stranger_candidates is 'Adds new faces that match nobody, oldest search first, at most so many and until the deadline. more: there may be more.';


create or replace function watchpost.drop_known_faces() returns bigint
language plpgsql
as $$
declare
  dropped bigint;
begin
  delete from watchpost.stranger_face as f
  where exists (select from watchpost.match as m where m.face_id = f.face_id and m.superseded_at is null)
    or exists (select from watchpost.reference as r where r.embedding_id = f.embedding_id and r.superseded_at is null)
    or exists (select from watchpost.embedding as e where e.id = f.embedding_id and e.superseded_at is not null)
    or exists (select from watchpost.face as s where s.id = f.face_id and s.superseded_at is not null)
    or exists (select from watchpost.search as s where s.id = f.search_id and s.superseded_at is not null);
  get diagnostics dropped = row_count;
  return dropped;
end;
$$;

comment on function watchpost.drop_known_faces() is 'Deletes rows of stranger_face whose face matches or enrols somebody by now, or was superseded; returns how many.';


create or replace function watchpost.regroup_stale_strangers(
  setting watchpost.stranger_setting, deadline timestamptz
) returns boolean
language plpgsql
as $$
declare
  stale_id uuid;
begin
  loop
    exit when clock_timestamp() > deadline;
    select s.id into stale_id from watchpost.stranger as s where s.stale order by s.id limit 1;
    exit when not found;
    perform watchpost.regroup_stranger(stale_id, setting.similarity, setting.min_faces);
  end loop;
  return exists (select from watchpost.stranger as s where s.stale);
end;
$$;

comment on function watchpost.regroup_stale_strangers is 'Recomputes groups that have lost faces until the deadline; returns whether some are left.';


create or replace function watchpost.drop_empty_strangers() returns bigint
language plpgsql
as $$
declare
  dropped bigint;
begin
  -- A stranger who became a person stays, so that the id leads to the person; so do those merged into another.
  delete from watchpost.stranger as s
  where s.person_id is null
    and s.merged_into is null
    and not exists (select from watchpost.stranger_face as f where f.stranger_id = s.id);
  get diagnostics dropped = row_count;
  return dropped;
end;
$$;

comment on function watchpost.drop_empty_strangers() is 'Deletes groups that have no faces any more; returns how many.';


create or replace function watchpost.group_strangers(
  most integer default 500, out result text, out more boolean
)
language plpgsql
as $$
declare
  deadline timestamptz := clock_timestamp() + interval '1 second';
  setting watchpost.stranger_setting;
  added integer := 0;
  known bigint := 0;
  forgotten bigint := 0;
  stale boolean;
  strangers bigint;
begin
  -- One run at a time, and none while somebody changes the setting or makes a stranger a person.
  select s.* into setting from watchpost.stranger_setting as s for update;
  more := false;
  if setting.enabled then
    perform watchpost.index_many_strangers();
    select a.added, a.more into added, more from watchpost.add_stranger_candidates(setting, most, deadline) as a;
  end if;
  if not more then
    known := watchpost.drop_known_faces();
    forgotten := watchpost.forget_strangers(now() - watchpost.stranger_age(), 1000);
    more := forgotten = 1000;
  end if;
  stale := watchpost.regroup_stale_strangers(setting, deadline);
  more := more or stale;
  strangers := watchpost.drop_empty_strangers();
  if forgotten > 0 then
    perform watchpost.emit_strangers_forgotten(setting.id, forgotten, strangers);
  end if;
  result := format('%s faces taken in, %s known now, %s forgotten', added, known, forgotten);
end;
$$;

comment on function watchpost.group_strangers is 'One bounded batch of the upkeep task strangers: adds new faces, drops those that match somebody by now or are too old, and regroups what they leave. more: there is more to do at once.';
