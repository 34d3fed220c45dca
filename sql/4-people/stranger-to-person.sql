-- Making a stranger a person.

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

comment on function watchpost.best_of_stranger is 'A group''s best views, spread over its visits: the best of each visit, then the second best of each.';


create or replace function watchpost.enrol_stranger(
  stranger     uuid,
  name         text,
  external_ref text   default null,
  watchlists   text[] default '{}',
  legal_basis  text   default null
) returns uuid
language plpgsql
as $$
declare
  known record;
  person uuid;
  wanted text;
  list uuid;
  lists uuid[] := '{}';
  best uuid[];
begin
  -- Keeps a run of the upkeep task from moving faces meanwhile.
  perform from watchpost.stranger_setting for update;
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

  foreach wanted in array watchlists loop
    select w.id into list
    from watchpost.watchlist as w
    where w.name = normalize(wanted, nfc) or w.id::text = lower(wanted)
    order by w.name = normalize(wanted, nfc) desc
    limit 1;
    if not found then
      raise exception 'There is no watchlist %.', quote_literal(wanted)
        using errcode = 'WP062',
              hint = 'Watchlists: ' || coalesce((select string_agg(w.name, ', ' order by w.name) from watchpost.watchlist as w), 'none yet') || '.';
    end if;
    lists := lists || list;
  end loop;
  insert into watchpost.person (id, name, external_ref, legal_basis)
  values (
    watchpost.begin_person(lists), enrol_stranger.name, enrol_stranger.external_ref,
    coalesce(enrol_stranger.legal_basis, watchpost.default_legal_basis())
  )
  returning id into person;
  insert into watchpost.watchlist_entry (watchlist_id, person_id)
  select l, person from unnest(lists) as l
  on conflict do nothing;

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

comment on function watchpost.enrol_stranger is 'Makes a group a person, on these lists (names or ids), with its five best views as photos, and returns the person''s id; without a legal basis they get the default. An unknown group is an error (WP060), one that is a person already (WP061), an unknown list (WP062); none by a key that is bound to lists (WP135). The photos are enrolled or refused by a worker; if all are refused, take_back_person() undoes it.';
