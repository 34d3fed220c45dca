-- Faces that match nobody, grouped into strangers. Off until somebody switches it on.

create table watchpost.stranger_setting (
  one        boolean primary key default true check (one),
  id         uuid not null default watchpost.uuidv7(),
  enabled    boolean not null default false,
  similarity real not null default 0.55 check (similarity > 0 and similarity < 1),
  min_faces  smallint not null default 3 check (min_faces between 2 and 100),
  visit_gap  interval not null default '30 minutes' check (visit_gap > '0') constraint stranger_setting_visit_gap_is_interval check (watchpost.is_interval(visit_gap)),
  upto       uuid
);

insert into watchpost.stranger_setting default values;

comment on table  watchpost.stranger_setting            is 'Whether and how faces that match nobody are grouped. Every change is an event strangers.changed; enable_strangers() and disable_strangers() make them.';
comment on column watchpost.stranger_setting.id         is 'What its events are about.';
comment on column watchpost.stranger_setting.similarity is 'Least cosine of two faces that are neighbours. Measured on 416 faces of 49 people: from 0.50 to 0.58 no group mixes people and 99.8% of the faces are in the group of their person.';
comment on column watchpost.stranger_setting.min_faces  is 'A face with so many neighbours, itself included, is a core face (DBSCAN): it makes a group, and joins the groups of its neighbours.';
comment on column watchpost.stranger_setting.visit_gap  is 'Faces of a stranger that are further apart than this belong to two visits.';
comment on column watchpost.stranger_setting.upto       is 'The search up to which faces were added; null: none yet.';


create table watchpost.stranger (
  id          uuid primary key default watchpost.uuidv7(),
  model_id    text not null references watchpost.model,
  person_id   uuid references watchpost.person on delete set null,
  named_at    timestamptz constraint stranger_named_at_is_time check (watchpost.is_time(named_at)),
  named_by    text constraint stranger_named_by_is_token check (watchpost.is_token(named_by)),
  merged_into uuid references watchpost.stranger on delete cascade,
  stale       boolean not null default false,
  created_at  timestamptz not null default clock_timestamp() constraint stranger_created_at_is_time check (watchpost.is_time(created_at)),
  check (merged_into <> id)
);

create index stranger_person on watchpost.stranger (person_id);
create index stranger_merged_into on watchpost.stranger (merged_into);
create index stranger_stale on watchpost.stranger (id) where stale;

comment on table  watchpost.stranger             is 'A group of faces that are alike enough to be one person, whom nobody has named.';
comment on column watchpost.stranger.person_id   is 'The person that enrol_stranger() made of it; null: still a stranger.';
comment on column watchpost.stranger.named_at    is 'When it became a person.';
comment on column watchpost.stranger.named_by    is 'Who made it a person: watchpost.actor().';
comment on column watchpost.stranger.merged_into is 'The older group that this one turned out to be part of; its faces are there.';
comment on column watchpost.stranger.stale       is 'It has lost a face: the next run checks whether it is still one group.';


create table watchpost.stranger_face (
  face_id      uuid primary key references watchpost.face on delete cascade,
  embedding_id uuid not null unique references watchpost.embedding on delete cascade,
  search_id    uuid not null,
  model_id     text not null references watchpost.model,
  vector       halfvec not null,
  norm         real not null,
  seen_at      timestamptz not null,
  neighbours   integer not null check (neighbours >= 1),
  core         boolean not null,
  stranger_id  uuid references watchpost.stranger on delete set null,
  created_at   timestamptz not null default clock_timestamp(),
  check (not core or stranger_id is not null)
)
-- neighbours is updated often; with a fifth of each page free the new version stays on the page.
with (fillfactor = 80);

create index stranger_face_stranger on watchpost.stranger_face (stranger_id, seen_at);
create index stranger_face_model on watchpost.stranger_face (model_id);
create index stranger_face_seen_at on watchpost.stranger_face (seen_at);

comment on table  watchpost.stranger_face             is 'A good view of a face that matches nobody. Deleted with its photo, when it turns out to match, and by the rule stranger of the table retention, also while grouping is off.';
comment on column watchpost.stranger_face.search_id   is 'The search that found nobody; may be gone when searches are not kept for ever.';
comment on column watchpost.stranger_face.vector      is 'A copy of the embedding''s vector, so that only such faces are compared.';
comment on column watchpost.stranger_face.norm        is 'Of the embedding: the higher, the better the view.';
comment on column watchpost.stranger_face.seen_at     is 'captured_at of the photo.';
comment on column watchpost.stranger_face.neighbours  is 'How many faces were within the similarity when they were last counted, itself included. For a face that is not core it is never too low, and counted again before the face becomes core.';
comment on column watchpost.stranger_face.core        is 'Whether it has min_faces neighbours. Core faces that are neighbours are in one group; other neighbours of a core face are in its group.';
comment on column watchpost.stranger_face.stranger_id is 'Its group; null: in none so far.';
