-- Adding an endpoint: a row, its lists, its secret or credential.

create or replace function watchpost.usual_url(kind text) returns text
language sql immutable
return case kind
  when 'slack' then 'https://slack.com'
  when 'telegram' then 'https://api.telegram.org'
  when 'pagerduty' then 'https://events.pagerduty.com/v2/enqueue'
end;

comment on function watchpost.usual_url(text) is 'The address of a service that has only one; null: of the kinds that have none.';


create or replace function watchpost.needs_credential(kind text) returns boolean
language sql immutable
return kind in ('slack', 'discord', 'telegram', 'pagerduty', 'matrix');

comment on function watchpost.needs_credential(text) is 'Whether an endpoint of this kind must have a credential.';


create or replace function watchpost.split_endpoint_url(kind text, url text) returns text[]
language sql immutable
return regexp_match(
  url,
  case kind
    when 'discord' then '^(https?://[^/?#]+/api/webhooks/[0-9]+)/([^/?#]+)$'
    when 'slack' then '^(https?://[^/?#]+/services/[^/?#]+/[^/?#]+)/([^/?#]+)$'
  end
);

comment on function watchpost.split_endpoint_url(text, text) is 'The URL, and the credential that is its last part in the form that Discord and Slack show; null: it is not of that form.';


create or replace function watchpost.refuse_endpoint(
  violated text, kind text, url text, templates text[] default '{}'
) returns void
language plpgsql immutable
as $$
declare
  unknown text;
begin
  if violated = 'endpoint_credential' then
    raise exception 'An endpoint of the kind % needs a credential.', refuse_endpoint.kind
      using errcode = 'WP161', hint = 'docs/alerts-out.md says where the service shows it.';
  elsif violated = 'endpoint_settings' then
    raise exception 'These are not the settings of an endpoint of the kind %.', refuse_endpoint.kind
      using errcode = 'WP160',
            hint = case refuse_endpoint.kind
              when 'slack' then 'Settings: channel, or none with the address of an incoming webhook.'
              when 'telegram' then 'Settings: chat_id.'
              when 'email' then 'Settings: from, to, user (may be missing).'
              when 'matrix' then 'Settings: room_id.'
              when 'mqtt' then 'Settings, which may be missing: topic, user, home_assistant.'
              else 'It has none.'
            end;
  elsif violated like 'endpoint\_%\_is\_template' then
    select watchpost.unknown_in_template(t) into unknown
    from unnest(templates) as t
    where watchpost.unknown_in_template(t) is not null
    limit 1;
    if unknown is not null then
      raise exception '%',
        case
          when unknown = any (watchpost.template_names()) then format('A tag of a template is not closed: {{%s.', unknown)
          else format('A template cannot name "%s": there is no such thing.', unknown)
        end
        using errcode = 'WP162', hint = 'It may name: ' || array_to_string(watchpost.template_names(), ', ') || '.';
    end if;
  elsif violated = 'endpoint_url_protected' and refuse_endpoint.url !~* '^(https|smtps?|mqtts)://' then
    raise exception 'The URL must begin with %://.', case refuse_endpoint.kind when 'mqtt' then 'mqtts' else 'https' end
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
        when refuse_endpoint.url ~* '^[a-z]+://[^/?#]*@' then 'it holds a user or a password'
        when refuse_endpoint.kind = 'email' and refuse_endpoint.url !~* '^smtps?://' then 'it does not begin with smtps://'
        when refuse_endpoint.kind = 'mqtt' and refuse_endpoint.url !~* '^mqtts?://' then 'it does not begin with mqtts://'
        when refuse_endpoint.kind not in ('email', 'mqtt') and refuse_endpoint.url !~* '^https?://' then 'it does not begin with https://'
        when refuse_endpoint.url ~ '#' then 'it has a fragment'
        when refuse_endpoint.kind = 'discord' then 'it is not like https://discord.com/api/webhooks/ID/TOKEN'
        when refuse_endpoint.kind = 'slack' then 'it is not like https://hooks.slack.com/services/T…/B…/TOKEN, and there is no channel'
        else 'it is not a URL'
      end
      using errcode = 'WP054', hint = 'Give one like https://guards.example/hooks/watchpost; the signature shows who sent the message.';
  end if;
end;
$$;

comment on function watchpost.refuse_endpoint is 'Raises what is wrong with an endpoint, by the name of the constraint that it violates: settings (WP160), URL (WP054), an address that is not public (WP110); endpoint_credential: it has none (WP161); a template that names what does not exist (WP162). Of another constraint nothing.';


create or replace function watchpost.add_endpoint(
  name         text,
  url          text,
  watchlists   uuid[] default '{}',
  min_severity text default 'info',
  time_to_live interval default '15 minutes',
  internal     boolean default false,
  sends        text default 'alerts',
  kind         text default 'webhook',
  settings     jsonb default '{}',
  credential   bytea default null,
  title_template text default null,
  text_template  text default null,
  out endpoint_id uuid,
  out secret      text
)
language plpgsql
as $$
declare
  whole text[] := watchpost.split_endpoint_url(add_endpoint.kind, add_endpoint.url);
  violated text;
begin
  if add_endpoint.credential is null and whole is not null then
    add_endpoint.url := whole[1];
    add_endpoint.credential := convert_to(whole[2], 'UTF8');
  end if;
  if add_endpoint.credential is null and watchpost.needs_credential(add_endpoint.kind) then
    perform watchpost.refuse_endpoint('endpoint_credential', add_endpoint.kind, add_endpoint.url);
  end if;
  begin
    insert into watchpost.endpoint as e (
      name, url, min_severity, time_to_live, internal, sends, kind, settings, title_template, text_template
    )
    values (
      add_endpoint.name,
      coalesce(nullif(add_endpoint.url, ''), watchpost.usual_url(add_endpoint.kind), ''),
      add_endpoint.min_severity, add_endpoint.time_to_live, add_endpoint.internal,
      add_endpoint.sends, add_endpoint.kind, add_endpoint.settings, add_endpoint.title_template, add_endpoint.text_template
    )
    returning e.id into endpoint_id;
  exception
    when check_violation then
      get stacked diagnostics violated = constraint_name;
      perform watchpost.refuse_endpoint(
        violated, add_endpoint.kind, add_endpoint.url, array[add_endpoint.title_template, add_endpoint.text_template]
      );
      raise;
  end;
  insert into watchpost.endpoint_watchlist (endpoint_id, watchlist_id)
  select add_endpoint.endpoint_id, l from unnest(watchlists) as l;
  if add_endpoint.credential is not null then
    insert into watchpost.endpoint_credential (endpoint_id, value) values (add_endpoint.endpoint_id, add_endpoint.credential);
  end if;
  if add_endpoint.kind = 'webhook' then
    secret := watchpost.make_secret();
    insert into watchpost.endpoint_secret (endpoint_id, slot, secret)
    values (add_endpoint.endpoint_id, 'current', add_endpoint.secret);
  end if;
end;
$$;

comment on function watchpost.add_endpoint is 'Adds an endpoint and returns the secret that signs what a webhook is sent, which is never shown again; other kinds have none. No watchlists: all. url null: the usual one of the kind. Settings that are not those of the kind are an error (WP160), and so is a missing credential (WP161), and a template that names what does not exist (WP162). A URL that cannot be used is an error (WP054), and so is an address that is not public unless internal (WP110).';
