-- A replay keeps what it replaces: old rows stay, marked, and everything that is asked about the present skips them.

alter table watchpost.face add column superseded_at timestamptz;
alter table watchpost.embedding add column superseded_at timestamptz;
alter table watchpost.reference add column superseded_at timestamptz;
alter table watchpost.search add column superseded_at timestamptz;
alter table watchpost.match add column superseded_at timestamptz;
alter table watchpost.alert add column withdrawn_at timestamptz;

comment on column watchpost.face.superseded_at      is 'When a replay put other faces in its place; null: it stands.';
comment on column watchpost.embedding.superseded_at is 'When a replay put another one in its place; null: it stands.';
comment on column watchpost.reference.superseded_at is 'When a replay put another one in its place; null: probes are compared with it.';
comment on column watchpost.search.superseded_at    is 'When a replay put another one in its place; null: it stands.';
comment on column watchpost.match.superseded_at     is 'When a replay found otherwise; null: it stands.';
comment on column watchpost.alert.withdrawn_at      is 'When the last of its matches was superseded; null: it stands.';

-- What was unique is unique among what stands.
alter table watchpost.face drop constraint face_image_id_ordinal_detector_id_key;
create unique index face_standing on watchpost.face (image_id, ordinal) where superseded_at is null;
create index face_image on watchpost.face (image_id);

alter table watchpost.embedding drop constraint embedding_face_id_model_id_key;
create unique index embedding_standing on watchpost.embedding (face_id, model_id) where superseded_at is null;
create index embedding_face on watchpost.embedding (face_id);

alter table watchpost.reference drop constraint reference_person_photo_id_model_id_key;
create unique index reference_standing on watchpost.reference (person_photo_id, model_id) where superseded_at is null;
create index reference_person_photo on watchpost.reference (person_photo_id);
