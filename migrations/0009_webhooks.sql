-- Where alerts are sent, and every attempt to send them.

create table watchpost.endpoint (
  id              uuid primary key default watchpost.uuidv7(),
  site_id         uuid default watchpost.own_site() references watchpost.site,
  name            text not null constraint endpoint_name_is_name check (watchpost.is_name(name)),
  url             text not null constraint endpoint_url_is_url check (watchpost.is_url(url)),
  min_severity    text not null default 'info' check (min_severity in ('info', 'warning', 'critical')),
  time_to_live    interval not null default '15 minutes' check (time_to_live > '0')
    constraint endpoint_time_to_live_is_interval check (watchpost.is_interval(time_to_live)),
  enabled         boolean not null default true,
  disabled_reason text constraint endpoint_disabled_reason_is_text check (watchpost.is_text(disabled_reason)),
  plain_http      boolean not null default false,
  created_at      timestamptz not null default now() constraint endpoint_created_at_is_time check (watchpost.is_time(created_at)),
  removed_at      timestamptz constraint endpoint_removed_at_is_time check (watchpost.is_time(removed_at)),
  -- The host comes right after the slashes: no user, no password.
  constraint endpoint_url check (url ~* '^https?://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?([/?][^[:space:][:cntrl:]#]*)?$'),
  constraint endpoint_url_protected check (
    plain_http
    or url ~* '^https://'
    or url ~* '^http://(localhost|127(\.[0-9]{1,3}){3}|\[::1\])(:[0-9]{1,5})?([/?]|$)'
  ),
  check (removed_at is null or not enabled),
  check (disabled_reason is null or not enabled)
);

create unique index endpoint_name on watchpost.endpoint (site_id, name) nulls not distinct where removed_at is null;

comment on table  watchpost.endpoint                 is 'An address to which alerts are sent, each as a signed POST.';
comment on column watchpost.endpoint.site_id         is 'The site whose alerts are sent there; null: all sites, by those who see all.';
comment on column watchpost.endpoint.min_severity    is 'Alerts below this are not sent there.';
comment on column watchpost.endpoint.time_to_live    is 'How old a sighting may be when it is sent: an older one expires and is not sent.';
comment on column watchpost.endpoint.disabled_reason is 'Why it is not enabled, if it was not a person who decided so.';
comment on column watchpost.endpoint.plain_http      is 'Whether it may be reached over plain http on another machine.';
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


create table watchpost.notification (
  id          uuid primary key default watchpost.uuidv7(),
  alert_id    uuid not null references watchpost.alert on delete cascade,
  endpoint_id uuid not null references watchpost.endpoint on delete cascade,
  message     json not null,
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
comment on column watchpost.notification.state   is 'due; delivered; expired: too old before it could be delivered; withdrawn: the alert was withdrawn or dismissed; disabled: the endpoint was; gone: the endpoint answered 410.';


create table watchpost.delivery (
  id              uuid primary key default watchpost.uuidv7(),
  notification_id uuid references watchpost.notification on delete cascade,
  endpoint_id     uuid not null references watchpost.endpoint on delete cascade,
  attempt         smallint not null check (attempt >= 1),
  started_at      timestamptz not null default clock_timestamp(),
  duration_ms     real,
  status          smallint,
  error           text,
  answer          text
);

create index delivery_notification on watchpost.delivery (notification_id, attempt);
create index delivery_endpoint on watchpost.delivery (endpoint_id, id desc);

comment on table  watchpost.delivery                 is 'One attempt to deliver a message. Written before it is sent: a row without duration_ms is under way, or its worker died.';
comment on column watchpost.delivery.notification_id is 'Null: a test message.';
comment on column watchpost.delivery.attempt         is 'Counted from 1, across replays.';
comment on column watchpost.delivery.duration_ms     is 'Until the answer, or the failure.';
comment on column watchpost.delivery.status          is 'HTTP status of the answer; null: there was none.';
comment on column watchpost.delivery.error           is 'Why it does not count as delivered; null: it does.';
comment on column watchpost.delivery.answer          is 'The first bytes of the answer.';
