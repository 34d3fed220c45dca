-- Changing an endpoint, by the rules for a new one.
--
-- emits endpoint.changed

create or replace function watchpost.set_endpoint(endpoint uuid, changes jsonb) returns void
language plpgsql
as $$
declare
  earlier watchpost.endpoint;
  wanted watchpost.endpoint;
  had boolean;
  whole text[];
  given bytea := (changes ->> 'credential')::bytea;
  lists uuid[] := array(select jsonb_array_elements_text(changes -> 'watchlists')::uuid);
  moved integer;
  more integer;
  violated text;
begin
  select e.* into earlier
  from watchpost.endpoint as e
  where e.id = watchpost.find_endpoint(set_endpoint.endpoint::text)
  for update;
  had := exists (select from watchpost.endpoint_credential as c where c.endpoint_id = earlier.id);
  whole := watchpost.split_endpoint_url(earlier.kind, changes ->> 'url');
  if given is null and whole is not null then
    given := convert_to(whole[2], 'UTF8');
    changes := changes || jsonb_build_object('url', whole[1], 'credential', true);
  end if;
  wanted := jsonb_populate_record(earlier, changes);
  wanted.url := coalesce(nullif(wanted.url, ''), watchpost.usual_url(earlier.kind), '');
  if watchpost.needs_credential(earlier.kind) and given is null and (changes ? 'credential' or not had) then
    perform watchpost.refuse_endpoint('endpoint_credential', earlier.kind, wanted.url);
  end if;
  begin
    update watchpost.endpoint as e
    set name = wanted.name, url = wanted.url, settings = wanted.settings, internal = wanted.internal,
        title_template = wanted.title_template, text_template = wanted.text_template,
        min_severity = wanted.min_severity, time_to_live = wanted.time_to_live, sends = wanted.sends
    where e.id = earlier.id;
  exception
    when check_violation then
      get stacked diagnostics violated = constraint_name;
      perform watchpost.refuse_endpoint(
        violated, earlier.kind, wanted.url, array[wanted.title_template, wanted.text_template]
      );
      raise;
  end;
  -- Whoever may change the address could otherwise have the credential sent to a server of their own.
  if had and not changes ? 'credential'
    and lower(substring(wanted.url from '^[^/]+//[^/?]+')) <> lower(substring(earlier.url from '^[^/]+//[^/?]+'))
  then
    raise exception 'The credential of this endpoint is for another server.'
      using errcode = 'WP161', hint = 'Give one with the new address, or null if it needs none there.';
  end if;
  if changes ? 'credential' then
    delete from watchpost.endpoint_credential as c where c.endpoint_id = earlier.id;
    if given is not null then
      insert into watchpost.endpoint_credential (endpoint_id, value) values (earlier.id, given);
    end if;
    if had or given is not null then
      perform watchpost.note_endpoint(
        earlier.id, wanted.name, case when given is null then 'credential removed' else 'credential replaced' end
      );
    end if;
  end if;
  if changes ? 'watchlists' then
    delete from watchpost.endpoint_watchlist as l where l.endpoint_id = earlier.id and l.watchlist_id <> all (lists);
    get diagnostics moved = row_count;
    insert into watchpost.endpoint_watchlist (endpoint_id, watchlist_id)
    select distinct earlier.id, l from unnest(lists) as l
    on conflict do nothing;
    get diagnostics more = row_count;
    if moved + more > 0 then
      perform watchpost.note_endpoint(earlier.id, wanted.name, 'lists replaced');
    end if;
  end if;
end;
$$;

comment on function watchpost.set_endpoint(uuid, jsonb) is 'Changes an endpoint: {name, url, internal, settings, title_template, text_template, min_severity, time_to_live, sends, credential, watchlists}, the credential as a text that is a bytea, the lists by their ids, none: all. What is absent stays; null is the usual url, the usual words or no credential. Kind and site stay. The errors are those of add_endpoint; a url at another server without a credential for it is one too (WP161).';


create or replace function watchpost.note_endpoint(endpoint uuid, name text, change text) returns void
language plpgsql
as $$
begin
  insert into watchpost.event (topic, subject_id, payload, tasks)
  values (
    'endpoint.changed', endpoint,
    jsonb_build_object('endpoint_id', endpoint, 'name', name, 'change', change, 'by', watchpost.actor()),
    watchpost.subscribers('endpoint.changed')
  );
end;
$$;

comment on function watchpost.note_endpoint(uuid, text, text) is 'An endpoint.changed about what is in other tables than endpoint.';
