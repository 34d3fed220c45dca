-- Rules about people who are on no list: what a row has to be, and the event for each change.
--
-- emits stranger_rule.changed

create or replace function watchpost.check_stranger_rule() returns trigger
language plpgsql
as $$
declare
  unknown text;
begin
  select c.id::text into unknown
  from unnest(new.cameras) as c (id)
  where not exists (select from watchpost.camera as k where k.id = c.id and k.site_id = new.site_id)
  limit 1;
  if found then
    raise exception 'The site of the rule % has no camera %.', quote_literal(new.name), unknown using errcode = 'WP002';
  end if;
  select l.id::text into unknown
  from unnest(new.known_on) as l (id)
  where not exists (select from watchpost.watchlist as w where w.id = l.id and w.site_id = new.site_id)
  limit 1;
  if found then
    raise exception 'The site of the rule % has no list %.', quote_literal(new.name), unknown using errcode = 'WP062';
  end if;
  return new;
end;
$$;

comment on function watchpost.check_stranger_rule() is 'Refuses a rule with a camera (WP002) or a list (WP062) that there is not, or not at its site.';

create or replace trigger stranger_rule_check before insert or update of cameras, known_on, site_id on watchpost.stranger_rule
for each row execute function watchpost.check_stranger_rule();


create or replace function watchpost.emit_stranger_rule_changed() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  was jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) end;
  becomes jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) end;
begin
  if was is distinct from becomes then
    insert into watchpost.event (topic, subject_id, payload, tasks)
    values (
      'stranger_rule.changed', (coalesce(becomes, was) ->> 'id')::uuid,
      jsonb_build_object(
        'rule_id', coalesce(becomes, was) -> 'id', 'name', coalesce(becomes, was) -> 'name',
        'site_id', coalesce(becomes, was) -> 'site_id',
        'change', case tg_op when 'INSERT' then 'created' when 'UPDATE' then 'updated' else 'deleted' end,
        'by', watchpost.actor()
      ) || watchpost.changed_columns(was, becomes),
      watchpost.subscribers('stranger_rule.changed')
    );
  end if;
  return null;
end;
$$;

comment on function watchpost.emit_stranger_rule_changed() is 'One stranger_rule.changed for each rule that was created, changed or deleted: by whom, and the old and new values.';

create or replace trigger stranger_rule_emit after insert or update or delete on watchpost.stranger_rule
for each row execute function watchpost.emit_stranger_rule_changed();
