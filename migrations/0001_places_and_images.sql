-- Where photos come from and the photos themselves.

create extension if not exists vector;

-- RFC 9562 UUIDv7: 48 bits of Unix milliseconds, the version, 12 bits of the fraction of that millisecond, the variant
-- and 62 random bits, so keys made by one server sort by time to a quarter of a microsecond. PostgreSQL 18 has
-- uuidv7() built in, 17 does not; one definition of our own gives both the same keys. In plpgsql 2.7 us a key, as one
-- SQL expression 5.8.
create function watchpost.uuidv7() returns uuid
language plpgsql volatile parallel safe
as $$
declare
  micros bigint := extract(epoch from clock_timestamp()) * 1000000;
begin
  return encode(
    int8send((micros / 1000 << 16) | 28672 | ((micros % 1000) * 4096 / 1000))
      || substring(uuid_send(gen_random_uuid()) from 9),
    'hex'
  )::uuid;
end;
$$;

comment on function watchpost.uuidv7() is 'A time-ordered UUID, the default of every primary key.';


-- A bound on a key is a bound on time: what the partitions of the tables that only grow are cut by.
create function watchpost.uuidv7_at(moment timestamptz) returns uuid
language plpgsql immutable strict parallel safe
as $$
declare
  micros bigint := extract(epoch from moment) * 1000000;
begin
  return encode(
    int8send((micros / 1000 << 16) | 28672 | ((micros % 1000) * 4096 / 1000)) || '\x8000000000000000'::bytea,
    'hex'
  )::uuid;
end;
$$;

comment on function watchpost.uuidv7_at(timestamptz) is 'The least key that uuidv7() gives at a moment: where id >= watchpost.uuidv7_at(now() - interval ''1 hour'').';


create function watchpost.uuidv7_time(key uuid) returns timestamptz
language sql immutable strict parallel safe
return to_timestamp(('x' || translate(left(key::text, 13), '-', ''))::bit(48)::bigint / 1000.0);

comment on function watchpost.uuidv7_time(uuid) is 'When a key was made, to the millisecond.';


create table watchpost.camera (
  id         uuid primary key default watchpost.uuidv7(),
  name       text not null unique check (name <> ''),
  location   text not null check (location <> ''),
  zone       text check (zone <> ''),
  created_at timestamptz not null default now()
);

comment on table  watchpost.camera            is 'A source of photos with a place in the world.';
comment on column watchpost.camera.name       is 'The name that submissions use, for example north-gate.';
comment on column watchpost.camera.location   is 'Where it stands, in words a guard understands. Shown with every alert.';
comment on column watchpost.camera.zone       is 'Cameras of one zone share an alert; null: the camera is a zone of its own.';


create table watchpost.image (
  id              uuid primary key default watchpost.uuidv7(),
  camera_id       uuid references watchpost.camera,
  purpose         text not null default 'probe' check (purpose in ('probe', 'reference')),
  captured_at     timestamptz not null default now(),
  submitted_by    text not null default session_user,
  idempotency_key text check (idempotency_key <> ''),
  bytes           bytea check (bytes is null),
  byte_length     integer not null,
  sha256          bytea not null,
  format          text,
  width           integer,
  height          integer,
  received_at     timestamptz not null default clock_timestamp()
)
-- The detect stage fills format, width and height; a tenth of each page left free keeps that update on its page.
with (fillfactor = 90);

create unique index image_idempotency_key on watchpost.image (submitted_by, idempotency_key)
where idempotency_key is not null;

create index image_camera_captured_at on watchpost.image (camera_id, captured_at desc);

comment on table  watchpost.image                 is 'One submitted photo. Inserting a row starts its processing.';
comment on column watchpost.image.camera_id       is 'The camera that took it; null for a photo from nowhere in particular.';
comment on column watchpost.image.purpose         is 'probe: searched against the watchlists. reference: enrols a person, through person_photo.';
comment on column watchpost.image.captured_at     is 'When the photo was taken, as far as the submitter knows.';
comment on column watchpost.image.submitted_by    is 'The database user, or api:NAME for the API key NAME.';
comment on column watchpost.image.idempotency_key is 'A submitter''s own name for this submission; the same key can not be used twice.';
comment on column watchpost.image.bytes           is 'Write-only: give the encoded photo here; a trigger moves it to image_bytes. Always null when read.';
comment on column watchpost.image.byte_length     is 'Size of the encoded photo, filled in by the trigger.';
comment on column watchpost.image.sha256          is 'SHA-256 of the encoded photo, filled in by the trigger; stays when the bytes are dropped.';
comment on column watchpost.image.format          is 'jpeg, png or webp: what the detector found it to be.';
comment on column watchpost.image.width           is 'Pixels, upright (after the EXIF rotation); filled in by the detector.';
comment on column watchpost.image.height          is 'Pixels, upright (after the EXIF rotation); filled in by the detector.';
comment on column watchpost.image.received_at     is 'When this database received it.';


-- The bytes live apart so that they can be dropped (delete the row) and the facts kept. The key points back at
-- image and is checked at commit, because the trigger that moves the bytes runs before the image row is there.
create table watchpost.image_bytes (
  image_id uuid primary key references watchpost.image on delete cascade deferrable initially deferred,
  bytes    bytea not null check (octet_length(bytes) between 1 and 104857600)
);

-- Photos are compressed already: trying again costs time and gains nothing.
alter table watchpost.image_bytes alter column bytes set storage external;

comment on table  watchpost.image_bytes       is 'The encoded photos. Deleting a row drops the photo and keeps what was found in it.';
comment on column watchpost.image_bytes.bytes is 'JPEG, PNG or WebP, at most 100 MiB.';
