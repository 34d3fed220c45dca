-- Alerts about people who are on no list: somebody unknown, and strangers who return.

create table watchpost.stranger_rule (
  id          uuid primary key default watchpost.uuidv7(),
  site_id     uuid not null default watchpost.default_site() references watchpost.site,
  name        text not null constraint stranger_rule_name_is_name check (watchpost.is_name(name)),
  severity    text not null default 'warning' check (severity in ('info', 'warning', 'critical')),
  cameras     uuid[] check (cameras <> '{}' and array_position(cameras, null::uuid) is null),
  known_on    uuid[] check (known_on <> '{}' and array_position(known_on, null::uuid) is null),
  days        smallint[] check (days <> '{}' and days <@ '{1,2,3,4,5,6,7}' and array_position(days, null::smallint) is null),
  from_time   time,
  until_time  time,
  time_zone   text not null default 'UTC',
  min_looks   smallint not null default 3 check (min_looks between 1 and 1000),
  min_quality real not null default 0 check (min_quality between 0 and 100),
  wait        interval not null default '5 seconds' check (wait between '0' and '10 minutes'),
  visits      smallint check (visits between 2 and 1000),
  within      interval not null default '30 days' check (within > '0')
    constraint stranger_rule_within_is_interval check (watchpost.is_interval(within)),
  enabled     boolean not null default true,
  created_at  timestamptz not null default now() constraint stranger_rule_created_at_is_time check (watchpost.is_time(created_at)),
  unique (site_id, name),
  constraint stranger_rule_hours check ((from_time is null) = (until_time is null) and from_time <> until_time)
);

comment on table  watchpost.stranger_rule             is 'When somebody who is on no list is an alert: somebody unknown before these cameras, or a stranger who returns. Every change is an event stranger_rule.changed.';
comment on column watchpost.stranger_rule.site_id     is 'The site whose cameras it is about.';
comment on column watchpost.stranger_rule.severity    is 'An endpoint whose min_severity is above it is not told.';
comment on column watchpost.stranger_rule.cameras     is 'Its cameras; null: all of the site.';
comment on column watchpost.stranger_rule.known_on    is 'Whoever matches on one of these lists is known. Null: on any list.';
comment on column watchpost.stranger_rule.days        is 'Days of the week, 1 is Monday; hours over midnight belong to the day on which they begin. Null: every day.';
comment on column watchpost.stranger_rule.from_time   is 'From when on, by the clock of the time zone; after until_time: over midnight. Null: all day.';
comment on column watchpost.stranger_rule.until_time  is 'Until when.';
comment on column watchpost.stranger_rule.time_zone   is 'The time zone of days and hours, like Europe/Vienna.';
comment on column watchpost.stranger_rule.min_looks   is 'A track with fewer faces that are good enough to be compared is no alert.';
comment on column watchpost.stranger_rule.min_quality is 'Nor is one whose best face is worse than this, as track.quality, which is 2.3 for the poorest face that is compared and 3 and more for a good view.';
comment on column watchpost.stranger_rule.wait        is 'How long a track is followed before it is judged: who is known may not be recognised by the first look.';
comment on column watchpost.stranger_rule.visits      is 'Only a stranger who has come at least this many times within `within`; strangers have to be grouped for it. Null: everybody unknown.';
comment on column watchpost.stranger_rule.within      is 'The time in which visits are counted.';


create table watchpost.stranger_alert (
  id              uuid primary key default watchpost.uuidv7(),
  rule_id         uuid not null references watchpost.stranger_rule on delete cascade,
  camera_id       uuid not null references watchpost.camera on delete cascade,
  face_id         uuid references watchpost.face on delete set null,
  stranger_id     uuid references watchpost.stranger on delete set null,
  visits          smallint,
  seen_at         timestamptz not null,
  raised_at       timestamptz not null default clock_timestamp(),
  acknowledged_at timestamptz constraint stranger_alert_acknowledged_at_is_time check (watchpost.is_time(acknowledged_at)),
  acknowledged_by text constraint stranger_alert_acknowledged_by_is_token check (watchpost.is_token(acknowledged_by)),
  decision        text check (decision in ('confirmed', 'dismissed')),
  decided_at      timestamptz constraint stranger_alert_decided_at_is_time check (watchpost.is_time(decided_at)),
  decided_by      text constraint stranger_alert_decided_by_is_token check (watchpost.is_token(decided_by)),
  note            text constraint stranger_alert_note_is_text check (watchpost.is_text(note)),
  unique (rule_id, face_id),
  check ((acknowledged_at is null) = (acknowledged_by is null)),
  check (num_nulls(decision, decided_at, decided_by) in (0, 3)),
  check (decision is null or acknowledged_at is not null)
);

create index stranger_alert_seen_at on watchpost.stranger_alert (seen_at desc, id desc);
create index stranger_alert_camera on watchpost.stranger_alert (camera_id, seen_at);
create index stranger_alert_face on watchpost.stranger_alert (face_id);
create index stranger_alert_stranger on watchpost.stranger_alert (stranger_id);

comment on table  watchpost.stranger_alert                 is 'Somebody on no list was seen whom a rule is about: once a track, or once a visit of a stranger. An event unknown.seen or stranger.returned, and a message to endpoints.';
comment on column watchpost.stranger_alert.face_id         is 'The best face when it was raised. Null: it was deleted, as faces that match nobody are after a while.';
comment on column watchpost.stranger_alert.stranger_id     is 'The stranger who has returned; null: the rule is about everybody unknown, or the stranger was forgotten.';
comment on column watchpost.stranger_alert.visits          is 'How many visits within the time of the rule, this one included; null: the rule is about everybody unknown.';
comment on column watchpost.stranger_alert.seen_at         is 'When the track or the visit began.';
comment on column watchpost.stranger_alert.acknowledged_at is 'When somebody has looked at it.';
comment on column watchpost.stranger_alert.acknowledged_by is 'Who has: see watchpost.reviewer().';
comment on column watchpost.stranger_alert.decision        is 'What became of it: confirmed, or dismissed as nothing; null: it is not decided. Each decision is an event stranger_alert.reviewed.';
comment on column watchpost.stranger_alert.decided_by      is 'Who has decided: see watchpost.reviewer().';
comment on column watchpost.stranger_alert.note            is 'What was written with the latest decision.';

insert into watchpost.upkeep_task (task, every) values ('stranger_alerts', '5 seconds');
