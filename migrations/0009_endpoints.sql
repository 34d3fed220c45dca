-- Where alerts are sent, and every attempt to send them.

-- The ports of other protocols, whose servers could take an HTTP call for one of theirs: those of
-- src/outgoing/target.ts.
create function watchpost.is_web_port(url text) returns boolean
language sql immutable strict parallel safe
return coalesce(
  substring(url from '^[a-zA-Z]+://[^/?]*:([0-9]+)([/?]|$)')::integer <> all (
    '{0,1,7,9,11,13,15,17,19,20,21,22,23,25,37,42,43,53,69,77,79,87,95,101,102,103,104,109,110,111,113,115,117,119,123,135,137,139,143,161,179,389,427,465,512,513,514,515,526,530,531,532,540,548,554,556,563,587,601,636,989,990,993,995,1719,1720,1723,2049,3659,4045,4190,5060,5061,6000,6566,6665,6666,6667,6668,6669,6679,6697,10080}'
  ),
  true
);

comment on function watchpost.is_web_port(text) is 'Whether a URL has no port, or one that may be called: none of the ports that fetch refuses.';


-- A host that ends in a number is an address to every program, in decimal, hexadecimal, octal or short notation: only four
-- decimal numbers are read here, and nothing else can be public. Names are resolved when they are called.
create function watchpost.may_be_public(url text) returns boolean
language plpgsql immutable strict parallel safe
as $$
declare
  host text := lower(rtrim((regexp_match(url, '^[a-zA-Z]+://([[][^]]*[]]|[^/?:]*)'))[1], '.'));
  address inet;
begin
  if host = 'localhost' or host like '%.localhost' then
    return false;
  elsif host like '[%' then
    address := trim(host, '[]')::inet;
    return address <<= '2000::/3' and not address <<= any ('{2001::/23,2001:db8::/32,2002::/16,3fff::/20}'::cidr[]);
  elsif host !~ '(^|[.])([0-9]+|0x[0-9a-f]*)$' then
    return true;
  elsif host !~ '^(0|[1-9][0-9]{0,2})([.](0|[1-9][0-9]{0,2})){3}$' then
    return false;
  end if;
  address := host::inet;
  return not address <<= any (
    '{0.0.0.0/8,10.0.0.0/8,100.64.0.0/10,127.0.0.0/8,168.63.129.16/32,169.254.0.0/16,172.16.0.0/12,192.0.0.0/24,192.0.2.0/24,192.31.196.0/24,192.52.193.0/24,192.88.99.0/24,192.168.0.0/16,192.175.48.0/24,198.18.0.0/15,198.51.100.0/24,203.0.113.0/24,224.0.0.0/3}'::cidr[]
  );
exception
  when invalid_text_representation then
    return false;
end;
$$;

comment on function watchpost.may_be_public(text) is 'Whether the host of a URL is a name, which is resolved when it is called, or a public address.';


-- What each kind may be told, and what it has to be told: docs/alerts-out.md. src/endpoints/kinds has the same.
create function watchpost.is_endpoint_settings(kind text, settings jsonb) returns boolean
language sql immutable strict parallel safe
return jsonb_typeof(settings) = 'object'
  and settings - (case kind
    when 'slack' then '{channel}'
    when 'telegram' then '{chat_id}'
    when 'email' then '{from,to,user}'
    when 'matrix' then '{room_id}'
    when 'mqtt' then '{topic,user,home_assistant}'
    else '{}'
  end)::text[] = '{}'
  and settings ?& (case kind
    when 'telegram' then '{chat_id}'
    when 'email' then '{from,to}'
    when 'matrix' then '{room_id}'
    else '{}'
  end)::text[]
  and not jsonb_path_exists(settings, '$.* ? (@.type() != "string")')
  and not jsonb_path_exists(settings, '$.* ? (!(@ like_regex "^[^[:cntrl:]]{1,255}$"))')
  -- A topic that is published to has no wildcard.
  and (kind <> 'mqtt' or not jsonb_path_exists(settings, '$.topic ? (@ like_regex "[#+]|^[$]")'))
  and (kind <> 'mqtt' or not jsonb_path_exists(settings, '$.home_assistant ? (@ like_regex "[#+]|^[$]")'));

comment on function watchpost.is_endpoint_settings(text, jsonb) is 'Whether the settings of an endpoint are those of its kind: what it needs, nothing else, each a text on one line of 255 characters at most.';


-- src/endpoints/template.ts has the same.
create function watchpost.template_names() returns text[]
language sql immutable parallel safe
return '{person,external_ref,watchlist,severity,similarity,camera,location,zone,place,time,first_seen,sightings,type,alert_id,link}'::text[];

comment on function watchpost.template_names() is 'What a template may name: docs/alerts-out.md.';


-- What is left of the tags, after those are taken out that name what exists, end a section, or are comments. {{.}} is the value
-- of the section around it.
create function watchpost.unknown_in_template(value text) returns text
language sql immutable strict parallel safe
return (regexp_match(
  regexp_replace(
    value,
    format(
      '[{]{2}\s*([#^/]?\s*(%s|[.])|!([^}]|[}](?![}]))*)\s*[}]{2}',
      array_to_string(watchpost.template_names(), '|')
    ),
    ' ', 'g'
  ),
  '[{]{2}\s*[#^/]?\s*([^{}]*[^{}[:space:]]|)'
))[1];

comment on function watchpost.unknown_in_template(text) is 'The first name in a template that is none of template_names(), empty if a tag names nothing; null: there is none.';


-- Mustache without what is not escaped, without partials, and with the usual delimiters.
create function watchpost.is_template(value text) returns boolean
language sql immutable strict parallel safe
return char_length(value) between 1 and 2000
  and value !~ '[{]{2}[[:space:]]*[{&>=]'
  and watchpost.unknown_in_template(value) is null;

comment on function watchpost.is_template(text) is 'Whether a template of a message is short enough, 2000 characters, has nothing that is not escaped, and names only what exists.';


create table watchpost.endpoint (
  id              uuid primary key default watchpost.uuidv7(),
  site_id         uuid default watchpost.own_site() references watchpost.site,
  name            text not null constraint endpoint_name_is_name check (watchpost.is_name(name)),
  kind            text not null default 'webhook'
    check (kind in ('webhook', 'slack', 'discord', 'telegram', 'ntfy', 'email', 'pagerduty', 'matrix', 'mqtt')),
  url             text not null constraint endpoint_url_is_url check (watchpost.is_url(url)),
  settings        jsonb not null default '{}',
  title_template  text constraint endpoint_title_template_is_template check (watchpost.is_template(title_template)),
  text_template   text constraint endpoint_text_template_is_template check (watchpost.is_template(text_template)),
  min_severity    text not null default 'info' check (min_severity in ('info', 'warning', 'critical')),
  time_to_live    interval not null default '15 minutes' check (time_to_live > '0')
    constraint endpoint_time_to_live_is_interval check (watchpost.is_interval(time_to_live)),
  enabled         boolean not null default true,
  disabled_reason text constraint endpoint_disabled_reason_is_text check (watchpost.is_text(disabled_reason)),
  internal        boolean not null default false,
  sends           text not null default 'alerts' check (sends in ('alerts', 'heads', 'alarms', 'both')),
  created_at      timestamptz not null default now() constraint endpoint_created_at_is_time check (watchpost.is_time(created_at)),
  removed_at      timestamptz constraint endpoint_removed_at_is_time check (watchpost.is_time(removed_at)),
  -- The host comes right after the slashes: no user, no password.
  constraint endpoint_url check (
    url ~* '^[a-z]+://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?([/?][^[:space:][:cntrl:]#]*)?$'
    and url ~* (case kind when 'email' then '^smtps?:' when 'mqtt' then '^mqtts?:' else '^https?:' end)
    -- The last part of these addresses is the credential.
    and (kind <> 'discord' or url ~* '/api/webhooks/[0-9]+$')
    and (kind <> 'slack' or settings ? 'channel' or url ~* '/services/[a-z0-9]+/[a-z0-9]+$')
  ),
  constraint endpoint_url_port check (kind in ('email', 'mqtt') or watchpost.is_web_port(url)),
  -- A mail server is sent nothing before it has begun to encrypt, whatever the scheme.
  constraint endpoint_url_protected check (
    internal or (url ~* '^(https|smtps?|mqtts)://' and watchpost.may_be_public(url))
  ),
  constraint endpoint_settings check (watchpost.is_endpoint_settings(kind, settings)),
  check (removed_at is null or not enabled),
  check (disabled_reason is null or not enabled)
);

create unique index endpoint_name on watchpost.endpoint (site_id, name) nulls not distinct where removed_at is null;

comment on table  watchpost.endpoint                 is 'An address to which alerts are sent: a webhook, or a service that its kind says how to call.';
comment on column watchpost.endpoint.site_id         is 'The site whose alerts are sent there; null: all sites, by those who see all.';
comment on column watchpost.endpoint.kind            is 'What is there. webhook: a server that takes signed POSTs.';
comment on column watchpost.endpoint.url             is 'https; of email smtps or smtp, of mqtt mqtts or mqtt. Without the credential that is a part of the addresses of Discord and Slack.';
comment on column watchpost.endpoint.settings        is 'What the kind has to know beside the address: the channel, the room, the sender. docs/alerts-out.md lists them.';
comment on column watchpost.endpoint.title_template  is 'Mustache for the title of an alert, escaped as the kind needs it; null: the usual one.';
comment on column watchpost.endpoint.text_template   is 'The same for the text.';
comment on column watchpost.endpoint.min_severity    is 'Alerts below this are not sent there.';
comment on column watchpost.endpoint.time_to_live    is 'How old a sighting may be when it is sent: an older one expires and is not sent.';
comment on column watchpost.endpoint.disabled_reason is 'Why it is not enabled, if it was not a person who decided so.';
comment on column watchpost.endpoint.internal        is 'Whether it may have plain http, or an address that is not public. It is called only if WATCHPOST_OUTGOING_ALLOW of the process that sends names the network.';
comment on column watchpost.endpoint.sends           is 'alerts; alarms, of the machines; both of these; heads: the latest seal of the record, every time that the upkeep task heads is due, and no alerts.';
comment on column watchpost.endpoint.removed_at      is 'When it was removed; what was sent there stays on record.';


create table watchpost.endpoint_watchlist (
  endpoint_id  uuid not null references watchpost.endpoint on delete cascade,
  watchlist_id uuid not null references watchpost.watchlist on delete cascade,
  primary key (endpoint_id, watchlist_id)
);

create index endpoint_watchlist_list on watchpost.endpoint_watchlist (watchlist_id);

comment on table watchpost.endpoint_watchlist is 'The lists whose alerts are sent to an endpoint; no rows: all lists.';


-- The primary key allows two at most.
create table watchpost.endpoint_secret (
  endpoint_id uuid not null references watchpost.endpoint on delete cascade,
  slot        text not null check (slot in ('current', 'previous')),
  secret      text not null check (secret ~ '^whsec_[A-Za-z0-9+/]{32,88}={0,2}$'),
  valid_until timestamptz constraint endpoint_secret_valid_until_is_time check (watchpost.is_time(valid_until)),
  created_at  timestamptz not null default now() constraint endpoint_secret_created_at_is_time check (watchpost.is_time(created_at)),
  primary key (endpoint_id, slot),
  check ((slot = 'previous') = (valid_until is not null))
);

comment on table  watchpost.endpoint_secret             is 'What messages are signed with. In a table of its own, which watchpost_reader may not read.';
comment on column watchpost.endpoint_secret.slot        is 'current, or previous: the one before the latest rotation, which also signs until valid_until.';


create table watchpost.endpoint_credential (
  endpoint_id uuid primary key references watchpost.endpoint on delete cascade,
  value       bytea not null check (octet_length(value) between 1 and 16384),
  created_at  timestamptz not null default now() constraint endpoint_credential_created_at_is_time check (watchpost.is_time(created_at))
);

comment on table  watchpost.endpoint_credential       is 'What a service asks of who sends to it: a token, a password, a routing key. In a table of its own, which watchpost_reader may not read, and never returned.';
comment on column watchpost.endpoint_credential.value is 'Encrypted like a photo of the site where the installation encrypts; one that was inserted by SQL is encrypted at its first use.';


create table watchpost.endpoint_wait (
  endpoint_id uuid primary key references watchpost.endpoint on delete cascade,
  until       timestamptz not null
);

comment on table  watchpost.endpoint_wait       is 'Endpoints that have asked to be called less often (429 or 503 with Retry-After).';
comment on column watchpost.endpoint_wait.until is 'Not called before; an hour ahead at most.';


create table watchpost.link_key (
  one boolean primary key default true check (one),
  key bytea not null default uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) check (octet_length(key) = 32)
);

comment on table  watchpost.link_key     is 'What signs the links in messages: whoever has one sees an alert without a key, until the link expires. A new key ends all links.';
comment on column watchpost.link_key.one is 'There is one row.';
comment on column watchpost.link_key.key is 'Of HMAC-SHA-256.';

insert into watchpost.link_key default values;


create table watchpost.notification (
  id          uuid primary key default watchpost.uuidv7(),
  alert_id    uuid not null references watchpost.alert on delete cascade,
  endpoint_id uuid not null references watchpost.endpoint on delete cascade,
  message     json not null,
  because     text not null default 'raised' check (because in ('raised', 'escalated')),
  state       text not null default 'due' check (state in ('due', 'delivered', 'expired', 'withdrawn', 'disabled', 'gone')),
  created_at  timestamptz not null default clock_timestamp(),
  settled_at  timestamptz,
  unique (alert_id, endpoint_id),
  check ((state = 'due') = (settled_at is null))
)
with (fillfactor = 80);

create index notification_endpoint on watchpost.notification (endpoint_id, id desc);

comment on table  watchpost.notification         is 'An alert that is sent to an endpoint, once. Its id is the message''s webhook-id in every attempt.';
comment on column watchpost.notification.message is 'The body, as of when the alert was raised: the same in every attempt.';
comment on column watchpost.notification.because is 'raised: the alert was; escalated: nobody had acknowledged it in time.';
comment on column watchpost.notification.state   is 'due; delivered; expired: too old before it could be delivered; withdrawn: the alert was withdrawn or dismissed; disabled: the endpoint was; gone: the endpoint answered 410.';


create table watchpost.delivery (
  id              uuid primary key default watchpost.uuidv7(),
  notification_id uuid references watchpost.notification on delete cascade,
  endpoint_id     uuid not null references watchpost.endpoint on delete cascade,
  type            text check (type in ('test', 'record.head', 'alarm', 'alert.state', 'alerts.held', 'home')),
  attempt         smallint not null check (attempt >= 1),
  started_at      timestamptz not null default clock_timestamp(),
  duration_ms     real,
  status          smallint,
  error           text
);

create index delivery_notification on watchpost.delivery (notification_id, attempt);
create index delivery_endpoint on watchpost.delivery (endpoint_id, id desc);

comment on table  watchpost.delivery                 is 'One attempt to deliver a message. Written before it is sent: a row without duration_ms is under way, or its worker died.';
comment on column watchpost.delivery.notification_id is 'The alert that was sent; null: another message, which has a type.';
comment on column watchpost.delivery.type            is 'test, record.head, alarm, alert.state (what became of an alert), alerts.held (a summary) or home (Home Assistant): no first message about an alert.';
comment on column watchpost.delivery.attempt         is 'Counted from 1, across replays.';
comment on column watchpost.delivery.duration_ms     is 'Until the answer, or the failure.';
comment on column watchpost.delivery.status          is 'HTTP status of the answer; null: there was none.';
comment on column watchpost.delivery.error           is 'Why it does not count as delivered; null: it does.';


create table watchpost.alarm_rule (
  kind  text primary key check (kind in ('backlog.old', 'worker.lost', 'vacuum.held')),
  after interval check (after between '1 second' and '365 days')
);

comment on table  watchpost.alarm_rule       is 'When alarms are raised; of cameras see camera.silent_after.';
comment on column watchpost.alarm_rule.after is 'backlog.old: after an event has waited so long. vacuum.held: after something has held vacuum back so long. worker.lost: for so long after a worker was lost, unless it is back or replaced. null: never.';

insert into watchpost.alarm_rule (kind, after) values
  ('backlog.old', '5 minutes'),
  ('worker.lost', '1 day'),
  ('vacuum.held', '10 minutes');


create table watchpost.alarm (
  id        uuid primary key default watchpost.uuidv7(),
  kind      text not null check (kind in ('camera.silent', 'backlog.old', 'worker.lost', 'vacuum.held')),
  subject   text not null,
  camera_id uuid references watchpost.camera on delete cascade,
  site_id   uuid references watchpost.site,
  since     timestamptz not null,
  raised_at timestamptz not null default clock_timestamp(),
  until     timestamptz,
  details   jsonb not null default '{}' check (jsonb_typeof(details) = 'object')
);

create unique index alarm_open on watchpost.alarm (kind, subject) where until is null;
create index alarm_camera on watchpost.alarm (camera_id) where camera_id is not null;

comment on table  watchpost.alarm           is 'What the operator of the machines has to know of: a silent camera, events that wait too long, a worker that has died, something that holds vacuum back. Raised and ended by the upkeep task alarms; each is an event too.';
comment on column watchpost.alarm.subject   is 'The id of the camera or worker, the task, or the session or slot.';
comment on column watchpost.alarm.site_id   is 'Of the camera; null: it is of all sites.';
comment on column watchpost.alarm.since     is 'Since when it has been so: the latest photo or heartbeat, the oldest event, the beginning of the transaction.';
comment on column watchpost.alarm.raised_at is 'When that was noticed.';
comment on column watchpost.alarm.until     is 'When it was over; null: it is not.';
