-- Endpoints: finding, adding, enabling, disabling, removing. Their secrets: endpoint-secrets.sql. Which alerts are sent
-- to them: sql/3-stages/notify.sql.
--
-- emits endpoint.changed

create or replace function watchpost.emit_endpoint_added() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  insert into watchpost.event (topic, subject_id, payload, tasks)
  select
    'endpoint.changed', e.id,
    jsonb_build_object('endpoint_id', e.id, 'name', e.name, 'change', 'added', 'by', watchpost.actor()), s.tasks
  from new_rows as e
  cross join (select watchpost.subscribers('endpoint.changed') as tasks) as s;
  return null;
end;
$$;

comment on function watchpost.emit_endpoint_added() is 'One endpoint.changed for each new endpoint.';

create or replace trigger endpoint_added after insert on watchpost.endpoint
referencing new table as new_rows
for each statement execute function watchpost.emit_endpoint_added();


create or replace function watchpost.emit_endpoint_changed() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  insert into watchpost.event (topic, subject_id, payload, tasks)
  select
    'endpoint.changed', n.id,
    jsonb_build_object(
      'endpoint_id', n.id,
      'name', n.name,
      'change', case
        when n.removed_at is not null and o.removed_at is null then 'removed'
        when n.enabled and not o.enabled then 'enabled'
        when o.enabled and not n.enabled then 'disabled'
        else 'changed'
      end,
      'reason', n.disabled_reason,
      'by', watchpost.actor()
    ),
    s.tasks
  from new_rows as n
  join old_rows as o on o.id = n.id
  cross join (select watchpost.subscribers('endpoint.changed') as tasks) as s
  where n is distinct from o;
  return null;
end;
$$;

comment on function watchpost.emit_endpoint_changed() is 'One endpoint.changed for each endpoint that is changed, enabled, disabled or removed.';

create or replace trigger endpoint_changed after update on watchpost.endpoint
referencing old table as old_rows new table as new_rows
for each statement execute function watchpost.emit_endpoint_changed();


-- An endpoint without rows is sent the alerts of all lists.
create or replace function watchpost.disable_endpoint_of_no_list() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  update watchpost.endpoint as e
  set enabled = false, disabled_reason = 'Every list whose alerts were sent there was removed.'
  where e.id = old.endpoint_id
    and e.enabled
    and not exists (select from watchpost.watchlist as w where w.id = old.watchlist_id)
    and not exists (select from watchpost.endpoint_watchlist as l where l.endpoint_id = e.id);
  return null;
end;
$$;

comment on function watchpost.disable_endpoint_of_no_list() is 'Disables an endpoint whose last list is deleted, which would otherwise be sent the alerts of all lists.';

create or replace trigger endpoint_watchlist_last after delete on watchpost.endpoint_watchlist
for each row execute function watchpost.disable_endpoint_of_no_list();


create or replace function watchpost.find_endpoint(name_or_id text) returns uuid
language plpgsql stable
as $$
declare
  found_id uuid;
begin
  select e.id into found_id
  from watchpost.endpoint as e
  where e.removed_at is null and (e.name = normalize(name_or_id, nfc) or e.id::text = lower(name_or_id))
  order by e.name = normalize(name_or_id, nfc) desc
  limit 1;
  if found_id is null then
    raise exception 'There is no endpoint %.', quote_literal(name_or_id)
      using errcode = 'WP053',
            hint = 'Endpoints: ' || coalesce(
              (select string_agg(e.name, ', ' order by e.name) from watchpost.endpoint as e where e.removed_at is null),
              'none yet'
            ) || '.';
  end if;
  return found_id;
end;
$$;

comment on function watchpost.find_endpoint(text) is 'The id of an endpoint by its name or id; an unknown one is an error (WP053).';


create or replace function watchpost.add_endpoint(
  name         text,
  url          text,
  watchlists   uuid[] default '{}',
  min_severity text default 'info',
  time_to_live interval default '15 minutes',
  internal     boolean default false,
  sends        text default 'alerts',
  out endpoint_id uuid,
  out secret      text
)
language plpgsql
as $$
declare
  violated text;
begin
  begin
    insert into watchpost.endpoint as e (name, url, min_severity, time_to_live, internal, sends)
    values (
      add_endpoint.name, add_endpoint.url, add_endpoint.min_severity, add_endpoint.time_to_live, add_endpoint.internal,
      add_endpoint.sends
    )
    returning e.id into endpoint_id;
  exception
    when check_violation then
      get stacked diagnostics violated = constraint_name;
      if violated = 'endpoint_url_protected' and url !~* '^https://' then
        raise exception 'The URL must begin with https://.'
          using errcode = 'WP054',
                hint = 'Over plain http names and places could be read on the way. For a network of your own: internal => true, and name it in WATCHPOST_OUTGOING_ALLOW.';
      elsif violated = 'endpoint_url_protected' then
        raise exception 'The URL leads to an address that is not public, or not written as four decimal numbers.'
          using errcode = 'WP110',
                hint = 'For a network of your own: internal => true, and name it in WATCHPOST_OUTGOING_ALLOW.';
      elsif violated = 'endpoint_url_port' then
        raise exception 'The URL cannot be used: its port belongs to another protocol.' using errcode = 'WP054';
      elsif violated = 'endpoint_url' then
        raise exception 'The URL cannot be used: %.',
          case
            when add_endpoint.url ~* '^https?://[^/?#]*@' then 'it holds a user or a password'
            when add_endpoint.url !~* '^https?://' then 'it does not begin with https://'
            when add_endpoint.url ~ '#' then 'it has a fragment'
            else 'it is not a URL'
          end
          using errcode = 'WP054', hint = 'Give one like https://guards.example/hooks/watchpost; the signature shows who sent the message.';
      end if;
      raise;
  end;
  insert into watchpost.endpoint_watchlist (endpoint_id, watchlist_id)
  select add_endpoint.endpoint_id, l from unnest(watchlists) as l;
  secret := watchpost.make_secret();
  insert into watchpost.endpoint_secret (endpoint_id, slot, secret)
  values (add_endpoint.endpoint_id, 'current', add_endpoint.secret);
end;
$$;

comment on function watchpost.add_endpoint is 'Adds an endpoint and returns its secret, which is never shown again. No watchlists: all. A URL that cannot be used is an error (WP054), and so is an address that is not public unless internal (WP110).';


create or replace function watchpost.enable_endpoint(endpoint uuid) returns void
language plpgsql
as $$
begin
  update watchpost.endpoint as e
  set enabled = true, disabled_reason = null
  where e.id = watchpost.find_endpoint(endpoint::text) and not e.enabled;
end;
$$;

comment on function watchpost.enable_endpoint(uuid) is 'Enables an endpoint: alerts are sent there.';


create or replace function watchpost.disable_endpoint(endpoint uuid, reason text default null) returns void
language plpgsql
as $$
begin
  update watchpost.endpoint as e
  set enabled = false, disabled_reason = disable_endpoint.reason
  where e.id = watchpost.find_endpoint(endpoint::text) and e.enabled;
end;
$$;

comment on function watchpost.disable_endpoint(uuid, text) is 'Disables an endpoint: nothing is sent there, not even what is already due.';


create or replace function watchpost.remove_endpoint(endpoint uuid) returns void
language plpgsql
as $$
begin
  update watchpost.endpoint as e
  set enabled = false, removed_at = now()
  where e.id = watchpost.find_endpoint(endpoint::text);
  delete from watchpost.endpoint_secret as s where s.endpoint_id = endpoint;
end;
$$;

comment on function watchpost.remove_endpoint(uuid) is 'Removes an endpoint and its secrets; what was sent there stays on record, and the name is free.';
