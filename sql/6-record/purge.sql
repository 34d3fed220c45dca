-- Deleting what the rules of the table retention keep no longer, batch by batch, as the upkeep tasks purge_images,
-- purge_faces (purge-faces.sql) and purge_persons do. Strangers are forgotten by sql/4-people/stranger-upkeep.sql, partitions
-- retired by retention.sql. The time is a parameter of all of them. What is left alone: holding.sql.

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
