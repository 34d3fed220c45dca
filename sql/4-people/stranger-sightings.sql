-- Who comes again, and making them a person.

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
