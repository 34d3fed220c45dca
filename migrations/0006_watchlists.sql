-- Who is searched for.

create table watchpost.watchlist (
  id               uuid primary key default watchpost.uuidv7(),
  site_id          uuid not null default watchpost.default_site() references watchpost.site,
  name             text not null constraint watchlist_name_is_name check (watchpost.is_name(name)),
  purpose          text not null default watchpost.default_purpose() constraint watchlist_purpose_is_given check (watchpost.is_given(purpose)) constraint watchlist_purpose_is_text check (watchpost.is_text(purpose)),
  severity         text not null default 'warning' check (severity in ('info', 'warning', 'critical')),
  threshold        real not null check (threshold between 0 and 1),
  threshold_name   text check (threshold_name in ('loose', 'default', 'strict')),
  target_fpir      real check (target_fpir > 0 and target_fpir < 1),
  min_looks        smallint not null default 1 check (min_looks between 1 and 1000),
  min_share        real not null default 0 check (min_share between 0 and 1),
  cooldown         interval not null default '5 minutes' constraint watchlist_cooldown_is_interval check (watchpost.is_interval(cooldown)),
  reviewers        smallint not null default 1 check (reviewers in (1, 2)),
  page_retroactive boolean not null default false,
  color            text check (color ~ '^#[0-9a-f]{6}$'),
  sound            text not null default 'none' check (sound in ('none', 'chime', 'bell', 'alarm')),
  must_acknowledge boolean not null default false,
  cameras          uuid[] check (cameras <> '{}' and array_position(cameras, null::uuid) is null),
  zones            text[] check (zones <> '{}' and array_position(zones, null::text) is null),
  enabled          boolean not null default true,
  valid_from       timestamptz constraint watchlist_valid_from_is_time check (watchpost.is_time(valid_from)),
  valid_until      timestamptz constraint watchlist_valid_until_is_time check (watchpost.is_time(valid_until)),
  version          integer not null default 1,
  changed_at       timestamptz not null default now() constraint watchlist_changed_at_is_time check (watchpost.is_time(changed_at)),
  created_at       timestamptz not null default now() constraint watchlist_created_at_is_time check (watchpost.is_time(created_at)),
  constraint watchlist_validity check (valid_from < valid_until),
  constraint watchlist_name_key unique (site_id, name)
);

comment on table  watchpost.watchlist                  is 'A list of people whose sighting raises an alert.';
comment on column watchpost.watchlist.site_id          is 'The site it belongs to: faces in photos of that site are compared with it. Never changed.';
comment on column watchpost.watchlist.purpose          is 'What its people are searched for, in words that a data subject understands. Without one the default of processing_default.';
comment on column watchpost.watchlist.threshold        is 'Least similarity for a match. 0.5 by default, from a measurement on real photos: docs/thresholds.md. threshold_name says whether it is one of the model''s.';
comment on column watchpost.watchlist.threshold_name   is 'loose, default or strict: the threshold is the model''s of that name, and changes with the embedder. Null: the threshold was set by hand, or by target_fpir. A list that is given none of the three is default.';
comment on column watchpost.watchlist.target_fpir      is 'The share of strangers that may be taken for somebody, for example 0.003. The threshold is then taken from the latest calibration; null: it was set otherwise.';
comment on column watchpost.watchlist.min_looks        is 'So many faces of a track must reach the threshold by themselves before it is a match. It does not apply to single photos.';
comment on column watchpost.watchlist.min_share        is 'The share of the good faces of a track that must reach the threshold by themselves, 0 to 1. It does not apply to single photos.';
comment on column watchpost.watchlist.cooldown         is 'Sightings of one person in one zone that are closer than this extend one alert.';
comment on column watchpost.watchlist.reviewers        is 'How many different people must confirm an alert of this list.';
comment on column watchpost.watchlist.page_retroactive is 'Whether alerts for what was seen before somebody was enrolled are sent to endpoints too.';
comment on column watchpost.watchlist.color            is 'The color of its alerts on screens, for example #d4201a; null: that of their severity.';
comment on column watchpost.watchlist.sound            is 'What a screen plays when an alert of this list is raised.';
comment on column watchpost.watchlist.must_acknowledge is 'Whether an alert of this list stays in front, and its sound is repeated, until somebody has acknowledged or decided it.';
comment on column watchpost.watchlist.cameras          is 'The cameras whose photos are compared with this list, beside those of its zones. Null, and zones too: all photos of its site.';
comment on column watchpost.watchlist.zones            is 'The zones whose photos are compared with this list: those of cameras that were in one of them when the photo was taken.';
comment on column watchpost.watchlist.enabled          is 'A list that is not enabled is not searched.';
comment on column watchpost.watchlist.valid_from       is 'The list is searched from then on; null: from the beginning.';
comment on column watchpost.watchlist.valid_until      is 'The list is searched until then; null: without end.';
comment on column watchpost.watchlist.version          is 'Goes up whenever the list or its entries change; a search records the versions that it searched.';
comment on column watchpost.watchlist.changed_at       is 'When the version went up.';


create table watchpost.watchlist_entry (
  watchlist_id uuid not null references watchpost.watchlist on delete cascade,
  person_id    uuid not null references watchpost.person on delete cascade,
  created_at   timestamptz not null default now() constraint watchlist_entry_created_at_is_time check (watchpost.is_time(created_at)),
  primary key (watchlist_id, person_id)
);

create index watchlist_entry_person on watchpost.watchlist_entry (person_id);

comment on table watchpost.watchlist_entry is 'A person is on a list.';
