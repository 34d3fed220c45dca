-- Who can be recognised.

-- One row, so that every client that adds a person or a list, also by INSERT, need not say what the installer has said.
create table watchpost.processing_default (
  one         boolean primary key default true check (one),
  id          uuid not null default watchpost.uuidv7(),
  legal_basis text not null default 'unspecified' constraint processing_default_legal_basis_is_basis check (watchpost.is_basis(legal_basis)),
  purpose     text not null default 'unspecified' constraint processing_default_purpose_is_given check (watchpost.is_given(purpose)) constraint processing_default_purpose_is_text check (watchpost.is_text(purpose))
);

insert into watchpost.processing_default default values;

comment on table  watchpost.processing_default             is 'The legal basis of people and the purpose of lists that are added without one. Every change is an event processing.changed.';
comment on column watchpost.processing_default.id          is 'What its events are about.';
comment on column watchpost.processing_default.legal_basis is 'The default of person.legal_basis. unspecified: the installer has not chosen one, of which doctor reminds.';
comment on column watchpost.processing_default.purpose     is 'The default of watchlist.purpose. unspecified: the installer has not said it.';


-- With the owner's rights, as everybody who inserts a person needs it.
create function watchpost.default_legal_basis() returns text
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$ select d.legal_basis from watchpost.processing_default as d $$;

comment on function watchpost.default_legal_basis() is 'The legal basis of a person who is added without one.';


create function watchpost.default_purpose() returns text
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$ select d.purpose from watchpost.processing_default as d $$;

comment on function watchpost.default_purpose() is 'The purpose of a list that is added without one.';


create table watchpost.person (
  id           uuid primary key default watchpost.uuidv7(),
  site_id      uuid not null default watchpost.default_site() references watchpost.site,
  name         text not null constraint person_name_is_name check (watchpost.is_name(name)),
  external_ref text constraint person_external_ref_is_token check (watchpost.is_token(external_ref)),
  metadata     jsonb not null default '{}' constraint person_metadata_is_metadata check (watchpost.is_metadata(metadata)),
  created_at   timestamptz not null default now() constraint person_created_at_is_time check (watchpost.is_time(created_at)),
  merged_into  uuid references watchpost.person on delete cascade,
  legal_basis  text not null default watchpost.default_legal_basis() constraint person_legal_basis_is_basis check (watchpost.is_basis(legal_basis)),
  keep_until   timestamptz constraint person_keep_until_is_time check (watchpost.is_time(keep_until)),
  check (merged_into <> id)
);

create unique index person_external_ref on watchpost.person (external_ref, site_id);
-- For a part of a name, wherever it begins.
create index person_name_parts on watchpost.person using gin (lower(name) gin_trgm_ops);
create index person_merged_into on watchpost.person (merged_into) where merged_into is not null;

comment on table  watchpost.person              is 'Somebody who can be recognised once a photo of them is enrolled.';
comment on column watchpost.person.site_id      is 'The site that enrolled them and may change them. Sites that have them on a list see them, too.';
comment on column watchpost.person.external_ref is 'This person''s key in another system.';
comment on column watchpost.person.merged_into  is 'The person whom merge_persons() made of this one and another; null: a person of their own. The row stays, so that the id and the external_ref lead there: see survivor().';


create table watchpost.person_photo (
  id             uuid primary key default watchpost.uuidv7(),
  person_id      uuid not null references watchpost.person on delete cascade,
  image_id       uuid not null references watchpost.image on delete cascade,
  chosen_face    smallint check (chosen_face between 1 and 1000),
  accept         text[] not null default '{}' constraint person_photo_accept check (
    accept <@ array[
      'face_small', 'face_low_score', 'face_blurred', 'face_profile', 'face_tilted', 'face_low_norm', 'face_unlike',
      'face_of_another'
    ]
  ) constraint person_photo_accept_length check (cardinality(accept) <= 100),
  created_at     timestamptz not null default now() constraint person_photo_created_at_is_time check (watchpost.is_time(created_at)),
  removed_at     timestamptz constraint person_photo_removed_at_is_time check (watchpost.is_time(removed_at)),
  removed_by     text constraint person_photo_removed_by_is_token check (watchpost.is_token(removed_by)),
  removal_reason text constraint person_photo_removal_reason_is_text check (watchpost.is_text(removal_reason)),
  constraint person_photo_removal check ((removed_at is null) = (removed_by is null))
);

-- A photo may enrol several people, but a face of it only one.
create unique index person_photo_face on watchpost.person_photo (image_id, chosen_face) nulls not distinct
where removed_at is null;

create index person_photo_person on watchpost.person_photo (person_id);
create index person_photo_image on watchpost.person_photo (image_id);

comment on table  watchpost.person_photo             is 'A photo handed in to enrol a person, or a face of a probe that was made one. It becomes a reference, or photo_status says why not.';
comment on column watchpost.person_photo.image_id    is 'One photo may enrol several people, each with a face of their own.';
comment on column watchpost.person_photo.chosen_face is 'Which face of the photo, counted from 1, left to right; null: the photo has one face only.';
comment on column watchpost.person_photo.accept      is 'Codes of the gate that somebody has checked and accepts for this photo, for example face_unlike.';
comment on column watchpost.person_photo.removed_at  is 'When the photo was removed; its matches are withdrawn. Null: it counts.';
comment on column watchpost.person_photo.removed_by  is 'actor() of the transaction that removed it.';


create table watchpost.reference (
  id              uuid primary key default watchpost.uuidv7(),
  person_id       uuid not null references watchpost.person on delete cascade,
  person_photo_id uuid not null references watchpost.person_photo on delete cascade,
  embedding_id    uuid not null unique references watchpost.embedding on delete cascade,
  model_id        text not null references watchpost.model,
  vector          halfvec not null,
  looks_like      uuid references watchpost.person on delete set null,
  created_at      timestamptz not null default clock_timestamp(),
  superseded_at   timestamptz
);

create unique index reference_standing on watchpost.reference (person_photo_id, model_id) where superseded_at is null;
create index reference_person_photo on watchpost.reference (person_photo_id);
create index reference_person on watchpost.reference (person_id);
create index reference_model on watchpost.reference (model_id, person_id);
create index reference_looks_like on watchpost.reference (looks_like) where looks_like is not null;

comment on table  watchpost.reference               is 'An enrolled face.';
comment on column watchpost.reference.vector        is 'A copy of the embedding''s vector, so that reading references touches no other faces.';
comment on column watchpost.reference.looks_like    is 'Another person, one of whose references was so similar when this one was enrolled that the two may be one person.';
comment on column watchpost.reference.superseded_at is 'When a replay replaced it; null: it is current, and part of the person''s vector.';


-- Its HNSW index, one for each embedder, is created where there are many people: sql/4-people/person-index.sql.
create table watchpost.person_vector (
  person_id       uuid not null references watchpost.person on delete cascade,
  model_id        text not null references watchpost.model,
  vector          halfvec not null,
  reference_count integer not null check (reference_count > 0),
  primary key (person_id, model_id)
);

comment on table  watchpost.person_vector                 is 'What probes are compared with: one row for each person and model, computed from the current references. Written only by the triggers of reference.';
comment on column watchpost.person_vector.person_id       is 'Whose it is.';
comment on column watchpost.person_vector.model_id        is 'The embedder. Vectors of different models are never compared.';
comment on column watchpost.person_vector.vector          is 'The mean of the references'' vectors, scaled, and two numbers more: the inner product with a probe to which 1 and 0 are appended is the similarity. See watchpost.similarity().';
comment on column watchpost.person_vector.reference_count is 'Of how many references.';
