-- Who is looked for.

create table watchpost.person (
  id           uuid primary key default watchpost.uuidv7(),
  name         text not null check (name <> ''),
  external_ref text unique check (external_ref <> ''),
  metadata     jsonb not null default '{}' check (jsonb_typeof(metadata) = 'object'),
  created_at   timestamptz not null default now()
);

comment on table  watchpost.person              is 'Somebody who can be recognised once a photo of them is enrolled.';
comment on column watchpost.person.external_ref is 'This person''s key in another system.';


create table watchpost.person_photo (
  id          uuid primary key default watchpost.uuidv7(),
  person_id   uuid not null references watchpost.person on delete cascade,
  image_id    uuid not null unique references watchpost.image on delete cascade,
  chosen_face smallint check (chosen_face >= 1),
  created_at  timestamptz not null default now()
);

create index person_photo_person on watchpost.person_photo (person_id);

comment on table  watchpost.person_photo             is 'A photo handed in to enrol a person. It becomes a reference, or its image ends as failed with the reason.';
comment on column watchpost.person_photo.chosen_face is 'Which face of the photo, counted from 1, left to right; null: the photo has one face only.';


create table watchpost.reference (
  id              uuid primary key default watchpost.uuidv7(),
  person_id       uuid not null references watchpost.person on delete cascade,
  person_photo_id uuid not null references watchpost.person_photo on delete cascade,
  embedding_id    uuid not null unique references watchpost.embedding on delete cascade,
  model_id        text not null references watchpost.model,
  vector          halfvec not null,
  created_at      timestamptz not null default clock_timestamp(),
  unique (person_photo_id, model_id)
);

create index reference_person on watchpost.reference (person_id);
create index reference_model on watchpost.reference (model_id, person_id);

comment on table  watchpost.reference        is 'An enrolled face: what probes are compared with.';
comment on column watchpost.reference.vector is 'A copy of the embedding''s vector, so that a search touches enrolled faces only.';


create table watchpost.watchlist (
  id         uuid primary key default watchpost.uuidv7(),
  name       text not null unique check (name <> ''),
  purpose    text not null default '',
  severity   text not null default 'warning' check (severity in ('info', 'warning', 'critical')),
  threshold  real not null default 0.45 check (threshold between 0 and 1),
  cooldown   interval not null default '5 minutes' check (cooldown >= '0'),
  enabled    boolean not null default true,
  created_at timestamptz not null default now()
);

comment on table  watchpost.watchlist           is 'A list of people whose sighting raises an alert.';
comment on column watchpost.watchlist.threshold is 'Least cosine similarity for a match. 0.45 by default: no wrong name among 22 enrolled people, 91% of known probes found.';
comment on column watchpost.watchlist.cooldown  is 'Sightings of one person in one zone that are closer than this extend one alert.';
comment on column watchpost.watchlist.enabled   is 'A list that is not enabled is not searched.';


create table watchpost.watchlist_entry (
  watchlist_id uuid not null references watchpost.watchlist on delete cascade,
  person_id    uuid not null references watchpost.person on delete cascade,
  created_at   timestamptz not null default now(),
  primary key (watchlist_id, person_id)
);

create index watchlist_entry_person on watchpost.watchlist_entry (person_id);

comment on table watchpost.watchlist_entry is 'A person is on a list.';
