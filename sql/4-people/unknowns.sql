-- Grouping the faces that match nobody: the upkeep task, and switching it on and off. A run takes a second, beside the
-- making of an index, and locks no row that a stage writes.

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
