-- What the models found in the photos.

create table watchpost.model (
  id            text primary key,
  role          text not null check (role in ('detector', 'landmarks', 'embedder', 'describer')),
  sha256        text not null check (sha256 ~ '^[0-9a-f]{64}$'),
  -- An HNSW index takes up to 4,000 dimensions, and person_vector has two more than the model's vectors.
  dimension     integer check (dimension between 1 and 3998),
  licence       text not null,
  thresholds    jsonb,
  registered_at timestamptz not null default now(),
  opened_at     timestamptz not null default now(),
  check ((role = 'embedder') = (dimension is not null)),
  constraint model_thresholds_check check (
    thresholds is null
    or (
      role = 'embedder'
      -- coalesce, because a CHECK passes when a threshold that is missing makes it null.
      and coalesce((thresholds ->> 'loose')::real between 0 and 1, false)
      and coalesce((thresholds ->> 'default')::real between 0 and 1, false)
      and coalesce((thresholds ->> 'strict')::real between 0 and 1, false)
    )
  )
);

comment on table  watchpost.model            is 'A model that a worker has run here. Vectors of different models are never compared.';
comment on column watchpost.model.id         is 'Name and version, for example mobilefacenet-faceplugin-0.0.1.';
comment on column watchpost.model.sha256     is 'Of the weights file, in hex; a file with another hash is refused.';
comment on column watchpost.model.dimension  is 'Length of an embedder''s vectors.';
comment on column watchpost.model.thresholds is 'Of an embedder: the thresholds that lists may name, {"loose": …, "default": …, "strict": …}.';
comment on column watchpost.model.opened_at  is 'When a process last registered it. Lists that name a threshold take it from the embedder that was registered last.';


create table watchpost.face (
  id            uuid primary key default watchpost.uuidv7(),
  image_id      uuid not null references watchpost.image on delete cascade,
  detector_id   text not null references watchpost.model,
  ordinal       smallint not null check (ordinal >= 1),
  box_x         real not null,
  box_y         real not null,
  box_width     real not null check (box_width > 0),
  box_height    real not null check (box_height > 0),
  points        real[] not null check (cardinality(points) in (0, 10)),
  score         real not null check (score between 0 and 1),
  height_px     real not null,
  sharpness     real not null,
  yaw           real not null,
  pitch         real not null,
  roll          real not null,
  gate          text[] not null default '{}',
  usable        boolean not null generated always as (gate = '{}') stored,
  -- A picture file, compressed already.
  crop          bytea storage external not null,
  created_at    timestamptz not null default clock_timestamp(),
  superseded_at timestamptz
);

create unique index face_standing on watchpost.face (image_id, ordinal) where superseded_at is null;
create index face_image on watchpost.face (image_id);

comment on table  watchpost.face               is 'A face found in a photo, with how good a view of it that is.';
comment on column watchpost.face.ordinal       is 'Counted from 1, left to right.';
comment on column watchpost.face.box_x         is 'Left edge, in pixels of the upright photo.';
comment on column watchpost.face.box_y         is 'Top edge, in pixels of the upright photo.';
comment on column watchpost.face.points        is 'x, y of left eye, right eye, nose, left and right corner of the mouth, in pixels of the upright photo.';
comment on column watchpost.face.score         is 'The detector''s confidence, 0 to 1.';
comment on column watchpost.face.height_px     is 'Height of the face as the models saw it, in pixels after the photo was reduced for them.';
comment on column watchpost.face.sharpness     is 'Spread of the aligned crop''s Laplacian; low is blurred.';
comment on column watchpost.face.yaw           is 'Turn to the side in degrees, estimated from the landmarks; 0 faces the camera.';
comment on column watchpost.face.pitch         is 'Nod in degrees, estimated from the landmarks.';
comment on column watchpost.face.roll          is 'Tilt in degrees, from the line through the eyes.';
comment on column watchpost.face.gate          is 'Why this face may not raise an alert (small, profile, blurred, …); empty: it may.';
comment on column watchpost.face.usable        is 'True if the gate is empty. Other faces are recorded and searched, and never alert.';
comment on column watchpost.face.crop          is 'The aligned face that the embedder sees, as a picture file.';
comment on column watchpost.face.superseded_at is 'When a replay replaced it; null: it is current.';


create table watchpost.embedding (
  id            uuid primary key default watchpost.uuidv7(),
  face_id       uuid not null references watchpost.face on delete cascade,
  model_id      text not null references watchpost.model,
  vector        halfvec not null,
  -- NaN counts as greater than every number, so it fails this test too.
  norm          real not null check (norm > 0) constraint embedding_norm_is_number check (norm < 'infinity'),
  created_at    timestamptz not null default clock_timestamp(),
  superseded_at timestamptz
);

create unique index embedding_standing on watchpost.embedding (face_id, model_id) where superseded_at is null;
create index embedding_face on watchpost.embedding (face_id);

comment on table  watchpost.embedding               is 'A face as a vector of one model.';
comment on column watchpost.embedding.vector        is 'Unit length; half precision, which halves the memory and changes a cosine by less than 0.001.';
comment on column watchpost.embedding.norm          is 'Length before normalising: low for what is hardly a face.';
comment on column watchpost.embedding.superseded_at is 'When a replay replaced it; null: it is current.';


create table watchpost.demography (
  id            uuid primary key default watchpost.uuidv7(),
  face_id       uuid not null references watchpost.face on delete cascade,
  model_id      text not null references watchpost.model,
  age           real not null check (age between 0 and 200),
  male          real not null check (male between 0 and 1),
  created_at    timestamptz not null default clock_timestamp(),
  superseded_at timestamptz
);

create unique index demography_standing on watchpost.demography (face_id, model_id) where superseded_at is null;
create index demography_face on watchpost.demography (face_id);

comment on table  watchpost.demography               is 'A model''s estimate of age and gender. A guess about a picture, not a fact about a person; empty unless the task describe is switched on.';
comment on column watchpost.demography.age           is 'In years. Wrong by 4.5 on average in its authors'' tests, by 6 between 60 and 80, by 10 beyond.';
comment on column watchpost.demography.male          is 'The model''s probability of male, 0 to 1; it knows male and female only. Wrong for 5 of 100 in its authors'' tests, for 31 of 100 up to the age of 3.';
comment on column watchpost.demography.superseded_at is 'When a replay replaced it or its face; null: it is current.';
