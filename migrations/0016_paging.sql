-- When the alerts of a list are sent, and to whom if nobody acknowledges them: quiet hours, rate, escalation. What a broker has for
-- Home Assistant.

create table watchpost.paging (
  watchlist_id     uuid primary key references watchpost.watchlist on delete cascade,
  time_zone        text not null default 'UTC',
  critical_pierces boolean not null default false,
  at_most          smallint check (at_most between 1 and 1000),
  within           interval check (within between '1 second' and '7 days'),
  escalate_after   interval check (escalate_after between '1 second' and '7 days'),
  set_at           timestamptz not null default now() constraint paging_set_at_is_time check (watchpost.is_time(set_at)),
  constraint paging_rate check ((at_most is null) = (within is null))
);

comment on table  watchpost.paging                  is 'How the alerts of a list are sent. A list without a row: at once, to every endpoint that wants them.';
comment on column watchpost.paging.time_zone        is 'In which the quiet hours are meant.';
comment on column watchpost.paging.critical_pierces is 'Whether critical alerts are sent in quiet hours too.';
comment on column watchpost.paging.at_most          is 'So many messages each endpoint is sent within the interval "within"; what is more is held back and summed up. Null: no limit.';
comment on column watchpost.paging.escalate_after   is 'After so long without an acknowledgement the endpoint of the first step is told, after twice as long that of the second, and so on. Null: never.';
comment on column watchpost.paging.set_at           is 'When this was set: alerts of before are not escalated.';


create table watchpost.paging_quiet (
  id           uuid primary key default watchpost.uuidv7(),
  watchlist_id uuid not null references watchpost.paging on delete cascade,
  days         smallint[] not null default '{1,2,3,4,5,6,7}' check (days <@ '{1,2,3,4,5,6,7}' and days <> '{}'),
  begins       time not null,
  ends         time not null
);

create index paging_quiet_list on watchpost.paging_quiet (watchlist_id);

comment on table  watchpost.paging_quiet        is 'Quiet hours of a list: what is raised then is held back, and summed up when they end.';
comment on column watchpost.paging_quiet.days   is 'The days on which they begin: 1 is Monday, 7 is Sunday.';
comment on column watchpost.paging_quiet.ends   is 'If that is not after their beginning, it is on the next day.';


create table watchpost.paging_step (
  watchlist_id uuid not null references watchpost.paging on delete cascade,
  step         smallint not null check (step between 1 and 10),
  endpoint_id  uuid not null references watchpost.endpoint on delete cascade,
  primary key (watchlist_id, step),
  unique (watchlist_id, endpoint_id)
);

create index paging_step_endpoint on watchpost.paging_step (endpoint_id);

comment on table  watchpost.paging_step      is 'Who is told if nobody acknowledges an alert. Such an endpoint is not told of the list''s alerts before.';
comment on column watchpost.paging_step.step is 'From 1.';


create table watchpost.paging_held (
  id           uuid primary key default watchpost.uuidv7(),
  alert_id     uuid not null references watchpost.alert on delete cascade,
  endpoint_id  uuid not null references watchpost.endpoint on delete cascade,
  watchlist_id uuid not null references watchpost.watchlist on delete cascade,
  because      text not null check (because in ('quiet', 'rate')),
  held_at      timestamptz not null default clock_timestamp(),
  released_at  timestamptz,
  unique (alert_id, endpoint_id)
);

create index paging_held_open on watchpost.paging_held (watchlist_id, endpoint_id) where released_at is null;
create index paging_held_endpoint on watchpost.paging_held (endpoint_id, watchlist_id, released_at);

comment on table  watchpost.paging_held             is 'An alert that an endpoint was not told of at once.';
comment on column watchpost.paging_held.because     is 'quiet: in quiet hours; rate: too many messages at that time.';
comment on column watchpost.paging_held.released_at is 'When it was summed up with the others of its list, in a message; null: it is held back.';


create table watchpost.escalation (
  alert_id     uuid not null references watchpost.alert on delete cascade,
  step         smallint not null check (step between 1 and 10),
  endpoint_id  uuid not null references watchpost.endpoint on delete cascade,
  escalated_at timestamptz not null default clock_timestamp(),
  primary key (alert_id, step)
);

create index escalation_endpoint on watchpost.escalation (endpoint_id);

comment on table watchpost.escalation is 'That an alert was escalated, to whom and when; the message is in notification.';

insert into watchpost.upkeep_task (task, every) values ('paging', '15 seconds');


create table watchpost.home (
  endpoint_id uuid primary key references watchpost.endpoint on delete cascade,
  due_since   timestamptz,
  worker_id   uuid
);

comment on table  watchpost.home           is 'Endpoints of the kind mqtt that Home Assistant finds its entities by.';
comment on column watchpost.home.due_since is 'Since when a home.due is to be done; null: none is.';
comment on column watchpost.home.worker_id is 'The worker whose connection says that Watchpost is there.';


create table watchpost.home_topic (
  endpoint_id uuid not null references watchpost.endpoint on delete cascade,
  topic       text not null,
  sha256      bytea not null check (octet_length(sha256) in (0, 32)),
  primary key (endpoint_id, topic)
);

comment on table  watchpost.home_topic        is 'The retained messages that a broker has, so that what is gone here is removed there.';
comment on column watchpost.home_topic.sha256 is 'Of the payload; empty: it is being published, or the broker may have lost it.';
