-- Where photos come from, who submits them, and the photos themselves.

create table watchpost.plan (
  id         uuid primary key default watchpost.uuidv7(),
  site_id    uuid not null default watchpost.default_site() references watchpost.site,
  name       text not null constraint plan_name_is_name check (watchpost.is_name(name)),
  -- Pictures are compressed already.
  image      bytea storage external not null check (octet_length(image) between 1 and 20971520),
  mime       text not null check (mime in ('image/jpeg', 'image/png', 'image/webp')),
  width      integer not null check (width between 1 and 30000),
  height     integer not null check (height between 1 and 30000),
  created_at timestamptz not null default now() constraint plan_created_at_is_time check (watchpost.is_time(created_at)),
  constraint plan_name_key unique (site_id, name),
  -- For the foreign key of camera.
  unique (id, site_id)
);

comment on table  watchpost.plan         is 'A floor plan or a map on which cameras are placed. Every change is an event plan.changed.';
comment on column watchpost.plan.site_id is 'The site it belongs to: only cameras of that site are placed on it.';
comment on column watchpost.plan.name    is 'For example ground floor.';
comment on column watchpost.plan.image   is 'The picture as browsers show it. The API makes a WebP of what it is given.';
comment on column watchpost.plan.mime    is 'The type of the picture.';
comment on column watchpost.plan.width   is 'Of the picture, in pixels.';
comment on column watchpost.plan.height  is 'Of the picture, in pixels.';


create table watchpost.camera (
  id         uuid primary key default watchpost.uuidv7(),
  site_id    uuid not null default watchpost.default_site() references watchpost.site,
  name       text not null constraint camera_name_is_name check (watchpost.is_name(name)),
  location   text not null constraint camera_location_is_name check (watchpost.is_name(location)),
  zone       text constraint camera_zone_is_name check (watchpost.is_name(zone)),
  faces      text not null default 'automatic' check (faces in ('near', 'automatic', 'far')),
  silent_after interval check (silent_after > '0')
    constraint camera_silent_after_is_interval check (watchpost.is_interval(silent_after)),
  frames_per_second real check (frames_per_second > 0 and frames_per_second <= 60),
  track_gap interval not null default '2 seconds' check (track_gap > '0')
    constraint camera_track_gap_is_interval check (watchpost.is_interval(track_gap)),
  source text constraint camera_source_is_url check (watchpost.is_url(source)),
  rotation smallint check (rotation in (0, 90, 180, 270)),
  frame_width integer check (frame_width between 64 and 7680),
  region_x real check (region_x between 0 and 1),
  region_y real check (region_y between 0 and 1),
  region_width real check (region_width > 0),
  region_height real check (region_height > 0),
  created_at timestamptz not null default now() constraint camera_created_at_is_time check (watchpost.is_time(created_at)),
  removed_at timestamptz constraint camera_removed_at_is_time check (watchpost.is_time(removed_at)),
  plan_id    uuid,
  plan_x     real check (plan_x between 0 and 1),
  plan_y     real check (plan_y between 0 and 1),
  foreign key (plan_id, site_id) references watchpost.plan (id, site_id) on delete set null (plan_id),
  constraint camera_plan_point check (plan_id is null or num_nulls(plan_x, plan_y) = 0),
  -- The host comes right after the slashes: no user, no password.
  constraint camera_source check (
    source ~* '^(rtsps?|https?|mqtts?|s3)://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?([/?][^[:space:][:cntrl:]#]*)?$'
    -- A certificate that is known by its fingerprint.
    or source ~* '^rtsps://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?([/?][^[:space:][:cntrl:]#]*)?#sha256=([0-9a-f]{2}:?){32}$'
    or source ~ '^/dev/video[0-9]{1,3}$'
  ),
  -- Single-precision numbers like 0.1 and 0.9 add up to a little more than 1.
  constraint camera_region check (
    num_nulls(region_x, region_y, region_width, region_height) in (0, 4)
    and region_x + region_width < 1.0001 and region_y + region_height < 1.0001
  )
);

create unique index camera_name on watchpost.camera (site_id, name) where removed_at is null;
create index camera_plan on watchpost.camera (plan_id) where plan_id is not null;

comment on table  watchpost.camera            is 'A source of photos with a place in the world. Every change is an event camera.changed; where it was before is in camera_place.';
comment on column watchpost.camera.site_id    is 'The site it belongs to, and with it its photos. Never changed: what was seen there stays there.';
comment on column watchpost.camera.name       is 'The name that submissions use, for example north-gate.';
comment on column watchpost.camera.location   is 'Where it is, in words a guard understands. Shown with every alert.';
comment on column watchpost.camera.zone       is 'Cameras of one zone share an alert; null: the camera is a zone of its own.';
comment on column watchpost.camera.faces      is 'How small the faces in its photos are, which decides how many pixels are searched. near: a twentieth of the photo''s height or more, as at a door. automatic: searches again at up to 1920 pixels of width where there seem to be smaller faces. far: every pixel up to 3840 of width, as for a crowd in a square; takes several times as long. Applies to photos that are processed from then on.';
comment on column watchpost.camera.silent_after is 'After so long without a photo the alarm camera.silent is raised; null: never.';
comment on column watchpost.camera.frames_per_second is 'How many frames a second are taken from its source, and how many come where a program sends them; null: it sends single photos, and one frame a second is taken from a source.';
comment on column watchpost.camera.track_gap  is 'Faces of one person that are seen again within it are one passage.';
comment on column watchpost.camera.source     is 'URL from which a worker with --watch takes its frames: rtsp, rtsps, http, https (MJPEG, HLS, a picture, a video), mqtt, mqtts, s3, or a device like /dev/video0. Null: its frames are submitted. Without user and password, which are in camera_secret.';
comment on column watchpost.camera.rotation   is 'By how many degrees its photos are turned clockwise, after their EXIF orientation, until they are upright; null: not at all, and of a camera with frames_per_second it is found out from its first faces. Applies to photos that are inserted from then on.';
comment on column watchpost.camera.frame_width is 'Wider frames of its source are reduced to so many pixels; null: they are taken as they come.';
comment on column watchpost.camera.region_x   is 'The part of each frame of its source that is taken: its left edge, as a share of the width of the frame. Null in all four: the whole frame.';
comment on column watchpost.camera.region_y   is 'Upper edge of the region, as a share of the height of the frame.';
comment on column watchpost.camera.region_width is 'Width of the region, as a share of that of the frame.';
comment on column watchpost.camera.region_height is 'Height of the region, as a share of that of the frame.';
comment on column watchpost.camera.removed_at is 'When it was removed: no photo is submitted to it by name, and the name is free. Its photos stay. Null: it is in use.';
comment on column watchpost.camera.plan_id    is 'The plan that it is placed on; null: on none.';
comment on column watchpost.camera.plan_x     is 'Where it is on the plan: 0 is the left edge, 1 the right one. Without a plan it says nothing.';
comment on column watchpost.camera.plan_y     is 'Where it is on the plan: 0 is the upper edge, 1 the lower one.';


-- Versions of the camera instead of columns of image: an INSERT of a photo writes and reads nothing for it.
create table watchpost.camera_place (
  camera_id uuid not null references watchpost.camera on delete cascade,
  during    tstzrange not null,
  name      text not null,
  location  text not null,
  zone      text,
  primary key (camera_id, during),
  constraint camera_place_one_at_a_time exclude using gist (camera_id with =, during with &&)
);

comment on table  watchpost.camera_place          is 'What each camera was called and where it was, by time: a sighting is where its camera was at captured_at. Written only by the triggers of camera.';
comment on column watchpost.camera_place.during   is 'When; the first place of a camera has no beginning, the current one no end.';
comment on column watchpost.camera_place.name     is 'camera.name at that time.';
comment on column watchpost.camera_place.location is 'camera.location at that time.';
comment on column watchpost.camera_place.zone     is 'camera.zone at that time.';


create table watchpost.api_key (
  id              uuid primary key default watchpost.uuidv7(),
  name            text not null unique constraint api_key_name_is_name check (watchpost.is_name(name)),
  sha256          bytea not null unique,
  previous_sha256 bytea unique,
  previous_until  timestamptz constraint api_key_previous_until_is_time check (watchpost.is_time(previous_until)),
  scopes          text[] not null check (
    scopes <> '{}' and scopes <@ '{submit,read,enrol,review,administer}' and array_position(scopes, null::text) is null
  ),
  sites           uuid[] check (sites <> '{}' and array_position(sites, null::uuid) is null),
  cameras         uuid[] check (cameras <> '{}' and array_position(cameras, null::uuid) is null),
  watchlists      uuid[] check (watchlists <> '{}' and array_position(watchlists, null::uuid) is null),
  rate_per_minute integer constraint api_key_rate_per_minute_is_limit check (watchpost.is_limit(rate_per_minute)),
  max_streams     integer constraint api_key_max_streams_is_limit check (watchpost.is_limit(max_streams)),
  max_backlog     integer constraint api_key_max_backlog_is_limit check (watchpost.is_limit(max_backlog)),
  created_at      timestamptz not null default now() constraint api_key_created_at_is_time check (watchpost.is_time(created_at)),
  created_by      text not null default watchpost.actor() constraint api_key_created_by_is_token check (watchpost.is_token(created_by)),
  expires_at      timestamptz constraint api_key_expires_at_is_time check (watchpost.is_time(expires_at)),
  expiry_noted_at timestamptz,
  revoked_at      timestamptz constraint api_key_revoked_at_is_time check (watchpost.is_time(revoked_at)),
  last_used_at    timestamptz,
  check ((previous_sha256 is null) = (previous_until is null))
);

comment on table  watchpost.api_key                 is 'Who may call the API, and what each may do there. Every change is an event key.changed, calls with a wrong key are events key.refused. Make keys with create_key(); key_status shows them without their hashes.';
comment on column watchpost.api_key.name            is 'What the record calls it: api:NAME. It stays taken when the key is revoked, because the record refers to it.';
comment on column watchpost.api_key.sha256          is 'Of the key; the key itself is not in the database. It has 244 random bits or more, which need no slow hash.';
comment on column watchpost.api_key.previous_sha256 is 'Of the key before the latest rotation.';
comment on column watchpost.api_key.previous_until  is 'Until when the key before the latest rotation is valid, too.';
comment on column watchpost.api_key.scopes          is 'What it may do: submit (photos), read, enrol (people and their photos), review (alerts), administer (everything).';
comment on column watchpost.api_key.sites           is 'The only sites that it sees and writes to; null: all.';
comment on column watchpost.api_key.cameras         is 'The only cameras that it submits for, and whose photos it sees; null: all of its sites.';
comment on column watchpost.api_key.watchlists      is 'The only lists that it sees and changes; null: all of its sites.';
comment on column watchpost.api_key.rate_per_minute is 'Calls in a minute of the clock, at all API processes together; null: any number.';
comment on column watchpost.api_key.max_streams     is 'Streams that it keeps open, at all API processes together; null: 20.';
comment on column watchpost.api_key.max_backlog     is 'Its photos that may wait to be processed; null: WATCHPOST_MAX_BACKLOG_PER_KEY.';
comment on column watchpost.api_key.created_by      is 'watchpost.actor() of whoever made it.';
comment on column watchpost.api_key.expires_at      is 'Since when it is refused by itself; null: it does not expire.';
comment on column watchpost.api_key.expiry_noted_at is 'When the event that it has expired was written.';
comment on column watchpost.api_key.revoked_at      is 'Since when it is refused; null: it was not revoked.';
comment on column watchpost.api_key.last_used_at    is 'Its latest call, to a minute or so; null: it was never used.';


-- A table of its own, which is written at each lease of calls, while api_key is written by people. Half a page is free, so
-- that a new version of a row stays on its page.
create table watchpost.key_calls (
  key_id uuid primary key references watchpost.api_key on delete cascade,
  minute timestamptz not null,
  calls  integer not null
)
with (fillfactor = 50);

comment on table  watchpost.key_calls        is 'How many calls of a key with a rate were handed to API processes in its latest minute. Written by take_calls().';
comment on column watchpost.key_calls.minute is 'The minute of the clock that they are for.';


create table watchpost.session (
  id           uuid primary key default watchpost.uuidv7(),
  key_id       uuid not null references watchpost.api_key on delete cascade,
  key_sha256   bytea not null,
  subject      text constraint session_subject_is_token check (watchpost.is_token(subject)),
  sha256       bytea not null unique,
  created_at   timestamptz not null default clock_timestamp(),
  last_used_at timestamptz not null default clock_timestamp(),
  expires_at   timestamptz not null
);

create index session_key on watchpost.session (key_id);

comment on table  watchpost.session              is 'Who is logged in to the console. A session may do what its key may, and ends with the secret that it was opened with. Rows that have expired are removed when another session is opened.';
comment on column watchpost.session.key_sha256   is 'Of the key as it was when the session was opened: a rotation ends the session when it ends the previous secret.';
comment on column watchpost.session.subject      is 'The person, where OpenID Connect says who it is; null: whoever has the key.';
comment on column watchpost.session.sha256       is 'Of the token in the cookie; the token itself is not in the database. It has 256 random bits.';
comment on column watchpost.session.last_used_at is 'Its latest call, to a minute or so.';


create table watchpost.image (
  id              uuid primary key default watchpost.uuidv7(),
  camera_id       uuid references watchpost.camera,
  -- A constant, and no foreign key, which an INSERT would pay for; the trigger sets the site of the camera, or of whoever
  -- submits, and keep_used_site() lets no site go that has photos.
  site_id         uuid not null default '00000000-0000-7000-8000-000000000000',
  purpose         text not null default 'probe' check (purpose in ('probe', 'reference')),
  captured_at     timestamptz not null default now(),
  submitted_by    text not null default session_user,
  idempotency_key text,
  -- Photos are compressed already.
  bytes           bytea storage external,
  byte_length     integer not null,
  sha256          bytea not null,
  format          text,
  width           integer,
  height          integer,
  undecoded_share real,
  rotation        smallint not null default 0 check (rotation in (0, 90, 180, 270)),
  received_at     timestamptz not null default clock_timestamp(),
  traceparent     text default nullif(current_setting('watchpost.traceparent', true), '')
)
-- The detect stage fills in format, size and damage; with a tenth of each page free the new version stays on the page.
with (fillfactor = 90);

create unique index image_idempotency_key on watchpost.image (submitted_by, idempotency_key)
where idempotency_key is not null;

create index image_camera_captured_at on watchpost.image (camera_id, captured_at desc);
create index image_captured_at on watchpost.image (captured_at desc, id desc);

comment on table  watchpost.image                 is 'One submitted photo. Inserting a row starts its processing.';
comment on column watchpost.image.camera_id       is 'The camera that took it; null: not from a known camera.';
comment on column watchpost.image.site_id         is 'The site of its camera; without one, of whoever submitted it, or of the person whom it enrols. Set by a trigger.';
comment on column watchpost.image.purpose         is 'probe: searched against the watchlists. reference: enrols a person, through person_photo.';
comment on column watchpost.image.captured_at     is 'When the photo was taken, as far as the submitter knows.';
comment on column watchpost.image.submitted_by    is 'The database user, or api:NAME for the API key NAME.';
comment on column watchpost.image.idempotency_key is 'The submitter''s own name for this submission. The same submitter cannot use a key twice.';
comment on column watchpost.image.bytes           is 'The encoded photo: JPEG, PNG, WebP, AVIF or HEIC, at most 100 MiB; encrypted where that is on: see is_encrypted(). It is never changed. Set it to null to drop the photo and keep what was found in it; null: it was dropped.';
comment on column watchpost.image.byte_length     is 'Size of the encoded photo, filled in by a trigger; stays when the bytes are dropped.';
comment on column watchpost.image.sha256          is 'SHA-256 of the encoded photo, filled in by a trigger; stays when the bytes are dropped.';
comment on column watchpost.image.format          is 'jpeg, png, webp, avif or heic, filled in by the detect stage.';
comment on column watchpost.image.width           is 'Pixels of the upright photo, after its EXIF orientation and rotation, filled in by the detect stage.';
comment on column watchpost.image.height          is 'Pixels of the upright photo, after its EXIF orientation and rotation, filled in by the detect stage.';
comment on column watchpost.image.undecoded_share is 'null: the file is whole, or not processed yet. A number: the file is damaged, and this share of the picture, 0 to less than 1, could not be decoded and was not searched; 0 if only the end of the file is missing, or data within it are wrong. Filled in by the detect stage.';
comment on column watchpost.image.rotation        is 'By how many degrees the photo is turned clockwise, after its EXIF orientation, wherever it is decoded: camera.rotation when it was inserted, 0 without one. Set by a trigger.';
comment on column watchpost.image.received_at     is 'When this database received it.';
comment on column watchpost.image.traceparent     is 'Which trace its processing belongs to: the header traceparent of W3C Trace Context. By default the setting watchpost.traceparent of the transaction; one that is malformed becomes null.';


create table watchpost.data_key (
  id           uuid primary key default watchpost.uuidv7(),
  site_id      uuid not null references watchpost.site on delete cascade,
  wrapped      bytea,
  wrapped_by   text not null check (wrapped_by ~ '^[0-9a-f]{16}$'),
  created_at   timestamptz not null default clock_timestamp(),
  destroyed_at timestamptz,
  destroyed_by text constraint data_key_destroyed_by_is_token check (watchpost.is_token(destroyed_by)),
  check ((destroyed_at is null) = (wrapped is not null)),
  check ((destroyed_at is null) = (destroyed_by is null))
);

create unique index data_key_current on watchpost.data_key (site_id) where destroyed_at is null;

comment on table  watchpost.data_key              is 'The keys by which photos and crops are encrypted at rest: one of each site, and those that were destroyed. Empty where encryption is off.';
comment on column watchpost.data_key.site_id      is 'The site whose photos it encrypts. It goes with the site, which has no photos then.';
comment on column watchpost.data_key.wrapped      is 'The key, encrypted by the one of the settings; null: it was destroyed, and what was encrypted with it cannot be read any more.';
comment on column watchpost.data_key.wrapped_by   is 'Which key of the settings: a fingerprint of it.';
comment on column watchpost.data_key.destroyed_at is 'When it was destroyed; null: it is in use.';
