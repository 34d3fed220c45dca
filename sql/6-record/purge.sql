-- Deleting what the rules of the table retention keep no longer, batch by batch, as the upkeep tasks purge_images,
-- purge_faces and purge_persons do. Strangers are forgotten by sql/4-people/stranger-upkeep.sql, partitions retired by
-- retention.sql. The time is a parameter of all of them.
--
-- emits faces.deleted

create or replace function watchpost.reason_to_hold(image uuid, received timestamptz) returns text
language plpgsql stable
as $$
begin
  return coalesce(
    watchpost.reason_to_keep(image),
    case
      when exists (
        select
        from watchpost.face as f
        join watchpost.stranger_face as s on s.face_id = f.id
        where f.image_id = reason_to_hold.image
      ) then 'stranger'
    end,
    case
      when exists (
        select
        from watchpost.image_tasks(image, received) as t
        where not coalesce(t.outcome in ('done', 'gone', 'refused', 'failed'), false)
      ) then 'processing'
    end
  );
end;
$$;

comment on function watchpost.reason_to_hold(uuid, timestamptz) is 'Why the purge leaves a photo alone although its time is over: alert, enrolment, cannot_link as reason_to_keep(); stranger, a face of it is one of a stranger, whose rule applies; processing, a task is still to be done with it. Null: it deletes it.';


create or replace function watchpost.reason_to_hold_face(face uuid) returns text
language plpgsql stable
as $$
begin
  return case
    when exists (
      select
      from watchpost.match as m
      where m.face_id in (
          select reason_to_hold_face.face
          union
          select t.face_id
          from watchpost.face as f
          join watchpost.track as t on t.id = f.track_id
          where f.id = reason_to_hold_face.face
        )
        and (m.superseded_at is null or exists (select from watchpost.alert_match as am where am.match_id = m.id))
    ) then 'match'
    when exists (
      select
      from watchpost.face as f
      join watchpost.person_photo as p on p.image_id = f.image_id and coalesce(p.chosen_face, f.ordinal) = f.ordinal
      where f.id = reason_to_hold_face.face and p.removed_at is null
    ) or exists (
      select
      from watchpost.embedding as e
      join watchpost.reference as r on r.embedding_id = e.id
      where e.face_id = reason_to_hold_face.face
    ) then 'enrolment'
    when exists (select from watchpost.cannot_link as c where c.face_id = reason_to_hold_face.face) then 'cannot_link'
    when exists (select from watchpost.stranger_face as s where s.face_id = reason_to_hold_face.face) then 'stranger'
    when exists (
      select
      from watchpost.face as f
      join watchpost.image as i on i.id = f.image_id
      cross join watchpost.image_tasks(i.id, i.received_at) as t
      where f.id = reason_to_hold_face.face
        and not coalesce(t.outcome in ('done', 'gone', 'refused', 'failed'), false)
    ) then 'processing'
  end;
end;
$$;

comment on function watchpost.reason_to_hold_face(uuid) is 'Why the purge leaves a face alone although its time is over: match, it or its track matched somebody; enrolment, it enrols somebody; cannot_link, somebody has said whom it is not; stranger, it is one of a stranger, whose rule applies; processing, a task is still to be done with its photo. Null: it deletes it.';


-- A client may choose a key: one that lies a day ahead or more has no time in it, and is looked at in every pass.
create or replace function watchpost.keys_to_purge(
  relation text, at timestamptz, out idle boolean, out young uuid, out odd uuid
)
language plpgsql stable
as $$
declare
  least constant interval := (
    select min(r.age) from watchpost.retention as r where r.relation = keys_to_purge.relation and r.action = 'delete'
  );
begin
  idle := least is null;
  young := watchpost.uuidv7_at(greatest(at - least, 'epoch'));
  odd := watchpost.uuidv7_at(greatest(at, now()) + interval '1 day');
end;
$$;

comment on function watchpost.keys_to_purge is 'Below young are the keys that are old enough for the rule with the least age, from odd on those that clients have chosen. idle: nothing of this kind is deleted.';


-- Along the primary key, from where the batch before has ended. Each batch looks at so many photos, whether it deletes
-- them or not, so that its time is bounded where most are held.
create or replace function watchpost.purge_images(
  at timestamptz default now(), most integer default 500, after uuid default null, dry boolean default false,
  out deleted integer, out held jsonb, out reached uuid
)
language plpgsql
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off
as $$
declare
  keys constant record := watchpost.keys_to_purge('image', at);
  begun constant uuid := coalesce(after, '00000000-0000-0000-0000-000000000000');
  photo record;
  seen integer := 0;
  reason text;
  reasons text[] := '{}';
  chosen uuid[] := '{}';
begin
  deleted := 0;
  held := '{}';
  if keys.idle then
    return;
  end if;
  for photo in
    select c.id, c.received_at, r.action, r.age
    from (
      (
        select i.id, i.camera_id, i.received_at
        from watchpost.image as i
        where i.id > begun and i.id < keys.young and i.purpose = 'probe'
        order by i.id
        limit most
      )
      union all
      (
        select i.id, i.camera_id, i.received_at
        from watchpost.image as i
        where i.id > begun and i.id >= keys.odd and i.purpose = 'probe'
        order by i.id
        limit most
      )
    ) as c
    cross join lateral watchpost.rule_of('image', c.camera_id) as r
    order by c.id
    limit most
  loop
    seen := seen + 1;
    reached := photo.id;
    continue when photo.action = 'keep' or photo.received_at > at - photo.age;
    reason := watchpost.reason_to_hold(photo.id, photo.received_at);
    if reason is null then
      chosen := chosen || photo.id;
    else
      reasons := reasons || reason;
    end if;
  end loop;
  if seen < most then
    reached := null;
  end if;
  deleted := cardinality(chosen);
  if deleted > 0 and not dry then
    perform watchpost.begin_purge('image');
    -- A photo that a worker is writing to at this moment is left to the next pass.
    delete from watchpost.image as i
    where i.id in (select l.id from watchpost.image as l where l.id = any (chosen) for update skip locked);
    get diagnostics deleted = row_count;
    perform watchpost.finish_purge();
  end if;
  held := watchpost.tally(reasons);
end;
$$;

comment on function watchpost.purge_images is 'Looks at the next photos of cameras, most of them after the key given, and deletes those whose time is over at a moment, with their faces and searches; dry: only counts them. Returns how many, why others are held ({"alert": 3}, see reason_to_hold), and the key to go on from; null: the pass is over.';


create or replace function watchpost.tally(words text[]) returns jsonb
language sql immutable
return (
  select coalesce(jsonb_object_agg(t.word, t.n), '{}')
  from (select w.word, count(*) as n from unnest(words) as w (word) group by w.word) as t
);

comment on function watchpost.tally(text[]) is 'How often each word occurs: {"alert": 3}.';


create or replace function watchpost.purge_faces(
  at timestamptz default now(), most integer default 500, after uuid default null, dry boolean default false,
  out deleted integer, out held jsonb, out reached uuid
)
language plpgsql
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off
as $$
declare
  keys constant record := watchpost.keys_to_purge('face', at);
  begun constant uuid := coalesce(after, '00000000-0000-0000-0000-000000000000');
  face record;
  seen integer := 0;
  reason text;
  reasons text[] := '{}';
  chosen uuid[] := '{}';
  images uuid[];
begin
  deleted := 0;
  held := '{}';
  if keys.idle then
    return;
  end if;
  for face in
    select c.id, c.image_id, c.created_at, i.camera_id, i.received_at, i.purpose, r.action, r.age
    from (
      (
        select f.id, f.image_id, f.created_at
        from watchpost.face as f
        where f.id > begun and f.id < keys.young
        order by f.id
        limit most
      )
      union all
      (
        select f.id, f.image_id, f.created_at
        from watchpost.face as f
        where f.id > begun and f.id >= keys.odd
        order by f.id
        limit most
      )
    ) as c
    join watchpost.image as i on i.id = c.image_id
    cross join lateral watchpost.rule_of('face', i.camera_id) as r
    order by c.id
    limit most
  loop
    seen := seen + 1;
    reached := face.id;
    continue when face.purpose <> 'probe' or face.action = 'keep' or face.created_at > at - face.age;
    -- Those that go with their photos are not counted twice.
    continue when dry and watchpost.is_purged(face.image_id, at);
    reason := watchpost.reason_to_hold_face(face.id);
    if reason is null then
      chosen := chosen || face.id;
    else
      reasons := reasons || reason;
    end if;
  end loop;
  if seen < most then
    reached := null;
  end if;
  deleted := cardinality(chosen);
  if deleted > 0 and not dry then
    perform watchpost.begin_purge('face');
    with gone as (
      delete from watchpost.face as f
      where f.id in (select l.id from watchpost.face as l where l.id = any (chosen) for update skip locked)
      returning f.id, f.image_id
    )
    select coalesce(array_agg(g.id), '{}'), array_agg(distinct g.image_id) into chosen, images from gone as g;
    deleted := cardinality(chosen);
    perform watchpost.finish_purge();
    insert into watchpost.event (topic, subject_id, payload, tasks)
    select
      'faces.deleted', watchpost.uuidv7(),
      jsonb_build_object(
        'faces', deleted, 'face_ids', to_jsonb(chosen), 'image_ids', to_jsonb(images), 'by', watchpost.actor()
      ),
      watchpost.subscribers('faces.deleted')
    where deleted > 0;
  end if;
  held := watchpost.tally(reasons);
end;
$$;

comment on function watchpost.purge_faces is 'The same for faces of photos that are kept: deletes those that matched nobody, with their vectors, crops and searches, and emits one faces.deleted. held: see reason_to_hold_face.';


create or replace function watchpost.is_purged(image uuid, at timestamptz) returns boolean
language plpgsql stable
as $$
begin
  return exists (
    select
    from watchpost.image as i
    cross join lateral watchpost.rule_of('image', i.camera_id) as r
    where i.id = is_purged.image
      and i.purpose = 'probe'
      and r.action = 'delete'
      and i.received_at <= at - r.age
      and watchpost.reason_to_hold(i.id, i.received_at) is null
  );
end;
$$;

comment on function watchpost.is_purged is 'Whether purge_images() deletes a photo at a moment.';


-- As an erasure, so that their name is not kept in what events say. Somebody who is seen often is deleted over several
-- batches: erase_some() takes them off every list first.
create or replace function watchpost.purge_persons(
  at timestamptz default now(), most integer default 100, after uuid default null, dry boolean default false,
  out deleted integer, out held jsonb, out reached uuid
)
language plpgsql
as $$
declare
  expired uuid[];
  erasure uuid;
begin
  deleted := 0;
  held := '{}';
  expired := array(
    select p.id
    from watchpost.person as p
    where p.keep_until <= at
      and p.merged_into is null
      and p.id > coalesce(purge_persons.after, '00000000-0000-0000-0000-000000000000')
    order by p.id
    limit case when dry then most else 1 end
  );
  if (watchpost.rule_of('person')).action = 'review' then
    held := jsonb_strip_nulls(jsonb_build_object('review', nullif(cardinality(expired), 0)));
    reached := case when cardinality(expired) = most then expired[most] end;
  elsif dry then
    deleted := cardinality(expired);
    reached := case when deleted = most then expired[most] end;
  elsif cardinality(expired) > 0 then
    -- The next call takes the same person again, until they are gone.
    reached := coalesce(purge_persons.after, '00000000-0000-0000-0000-000000000000');
    erasure := watchpost.begin_erasure('person', expired[1]);
    if watchpost.erase_some(erasure, most) = 0 then
      perform watchpost.finish_erasure(erasure);
      deleted := 1;
    end if;
  end if;
end;
$$;

comment on function watchpost.purge_persons is 'Erases people whose keep_until is over at a moment, with their photos, matches, alerts and what events say about them, a batch of at most so many rows at a time; dry: only counts them. Where the rule says review they are counted as held.';


create or replace function watchpost.purge(task text, out result text, out more boolean)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  of_relation constant text := case task when 'purge_images' then 'image' when 'purge_faces' then 'face' else 'person' end;
  going_on uuid;
  done record;
begin
  perform set_config('watchpost.actor', 'retention', true);
  select r.reached into going_on from watchpost.retention as r where r.relation = of_relation and r.camera_id is null;
  execute format('select p.* from watchpost.%I(after => $1) as p', task) into done using going_on;
  update watchpost.retention as r
  set reached = done.reached
  where r.relation = of_relation and r.camera_id is null and r.reached is distinct from done.reached;
  result := format('%s deleted', done.deleted);
  if done.held <> '{}' then
    result := format('%s, held: %s', result, done.held);
  end if;
  more := done.reached is not null;
end;
$$;

comment on function watchpost.purge is 'One batch of an upkeep task: purge_images, purge_faces or purge_persons, in the name retention. more: the pass is not over.';


-- Row by row, so ask it for the rows of one kind, by id or with a limit.
create or replace view watchpost.due with (security_invoker = true) as
select
  'image' as relation,
  i.id,
  i.camera_id,
  i.received_at as since,
  i.received_at + r.age as due_at,
  r.action,
  r.purpose,
  watchpost.reason_to_hold(i.id, i.received_at) as held_by
from watchpost.image as i
cross join lateral watchpost.rule_of('image', i.camera_id) as r
where i.purpose = 'probe' and r.action = 'delete'
union all
select
  'face', f.id, i.camera_id, f.created_at, f.created_at + r.age, r.action, r.purpose, watchpost.reason_to_hold_face(f.id)
from watchpost.face as f
join watchpost.image as i on i.id = f.image_id
cross join lateral watchpost.rule_of('face', i.camera_id) as r
where i.purpose = 'probe' and r.action = 'delete'
union all
select
  'stranger', s.id, null, s.last_visit, s.last_visit + r.age, r.action, r.purpose, null
from (
  select s.id, max(least(f.seen_at, f.created_at)) as last_visit
  from watchpost.stranger as s
  join watchpost.stranger_face as f on f.stranger_id = s.id
  group by s.id
) as s
cross join lateral watchpost.rule_of('stranger') as r
union all
select
  'person', p.id, null, p.created_at, coalesce(p.keep_until, p.created_at + r.age),
  case when p.keep_until is null then 'review' else r.action end,
  coalesce(
    (
      select string_agg(distinct w.purpose, '; ' order by w.purpose)
      from watchpost.watchlist_entry as e
      join watchpost.watchlist as w on w.id = e.watchlist_id
      where e.person_id = p.id
    ),
    r.purpose
  ),
  null
from watchpost.person as p
cross join lateral watchpost.rule_of('person') as r
where p.merged_into is null;

comment on view   watchpost.due           is 'What the table retention means for each photo of a camera, face, stranger and person: when it is deleted or to be reviewed, and what it is kept for until then.';
comment on column watchpost.due.relation  is 'image, face, stranger or person.';
comment on column watchpost.due.since     is 'When it was stored; of a stranger, the last visit.';
comment on column watchpost.due.due_at    is 'When its time is over.';
comment on column watchpost.due.action    is 'delete: it is deleted then, unless it is held. review: somebody has to decide whether it is still needed.';
comment on column watchpost.due.purpose   is 'What it is kept for; of a person, the purposes of their lists.';
comment on column watchpost.due.held_by   is 'Why it is not deleted although its time is over: see reason_to_hold and reason_to_hold_face.';


-- As the upkeep task strangers does, which also groups again what has lost faces.
create or replace function watchpost.purge_strangers(
  at timestamptz default now(), most integer default 500, after uuid default null, dry boolean default false,
  out deleted integer, out held jsonb, out reached uuid
)
language plpgsql
as $$
declare
  oldest constant timestamptz := at - watchpost.stranger_age();
  dropped bigint;
begin
  held := '{}';
  if dry then
    select count(*) into deleted from watchpost.stranger_face as f where f.seen_at < oldest or f.created_at < oldest;
    return;
  end if;
  deleted := watchpost.forget_strangers(oldest, most);
  if deleted > 0 then
    dropped := watchpost.drop_empty_strangers();
    perform watchpost.emit_strangers_forgotten((select s.id from watchpost.stranger_setting as s), deleted, dropped);
    reached := '00000000-0000-0000-0000-000000000000';
  end if;
end;
$$;

comment on function watchpost.purge_strangers is 'The same for faces of recurring strangers: forgets those whose time is over at a moment.';
