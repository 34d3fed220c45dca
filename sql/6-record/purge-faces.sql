-- Deleting the faces of photos that are kept, as purge.sql does photos and people.
--
-- emits faces.deleted

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
