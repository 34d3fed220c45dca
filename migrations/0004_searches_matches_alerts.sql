-- What was looked for, found and reported.

-- search, event and handling only grow. They are cut by time, so that old rows go by dropping a table: a DELETE of a
-- day's rows would write as much as the day did, and is not allowed on the record anyway. The cut is on the UUIDv7 key,
-- not on a time column, because a key of a partitioned table must hold what it is cut by: so one id is still unique.
-- The partitions live in a schema of their own; sql/1-base/partitions.sql makes and retires them.
create schema watchpost_history;

comment on schema watchpost_history is 'The partitions of watchpost.event, handling and search, by time. Ask the tables in watchpost instead.';


create table watchpost.search (
  id           uuid primary key default watchpost.uuidv7(),
  embedding_id uuid not null references watchpost.embedding on delete cascade,
  face_id      uuid not null references watchpost.face on delete cascade,
  model_id     text not null references watchpost.model,
  watchlists   uuid[] not null,
  method       text not null check (method in ('exact', 'hnsw')),
  outcome      text not null check (outcome in ('match', 'gated', 'below_threshold', 'nobody')),
  gate         text[] not null default '{}',
  reference_id uuid references watchpost.reference on delete set null,
  person_id    uuid references watchpost.person on delete set null,
  similarity   real,
  created_at   timestamptz not null default clock_timestamp(),
  check ((outcome = 'nobody') = (similarity is null))
)
partition by range (id);

-- Takes what no other partition takes, so that an INSERT never fails for want of one.
create table watchpost_history.search_rest partition of watchpost.search default;

create index search_face on watchpost.search (face_id);
-- Deleting a photo cascades through here.
create index search_embedding on watchpost.search (embedding_id);

comment on table  watchpost.search              is 'One search of one face over the enabled watchlists, recorded whatever came of it.';
comment on column watchpost.search.watchlists   is 'The lists that were enabled at that moment.';
comment on column watchpost.search.method       is 'exact: every reference was compared. hnsw: through the index.';
comment on column watchpost.search.outcome      is 'match; gated: near enough, but the face is too poor to alert on; below_threshold; nobody: nobody is enrolled on an enabled list.';
comment on column watchpost.search.gate         is 'The reasons for gated: those of the face, and low_norm from the embedding.';
comment on column watchpost.search.reference_id is 'The nearest reference.';
comment on column watchpost.search.person_id    is 'The person of the nearest reference.';
comment on column watchpost.search.similarity   is 'Cosine between the face and the nearest reference.';


-- search_id has no foreign key: a match is kept when the partition of its search is dropped, and a reference to a
-- partitioned table would forbid that. What goes with a photo goes by face_id.
create table watchpost.match (
  id           uuid primary key default watchpost.uuidv7(),
  search_id    uuid not null,
  face_id      uuid not null references watchpost.face on delete cascade,
  person_id    uuid not null references watchpost.person on delete cascade,
  reference_id uuid references watchpost.reference on delete set null,
  watchlist_id uuid not null references watchpost.watchlist on delete cascade,
  similarity   real not null,
  threshold    real not null,
  created_at   timestamptz not null default clock_timestamp(),
  unique (search_id, watchlist_id),
  check (similarity >= threshold)
);

create index match_face on watchpost.match (face_id);
create index match_person on watchpost.match (person_id, id desc);

comment on table  watchpost.match           is 'A face that is a person on a watchlist, as far as the threshold goes.';
comment on column watchpost.match.search_id is 'The search that found it; may be gone when searches are not kept for ever.';
comment on column watchpost.match.threshold is 'The list''s threshold as it stood at that moment.';


create table watchpost.alert (
  id            uuid primary key default watchpost.uuidv7(),
  person_id     uuid not null references watchpost.person on delete cascade,
  watchlist_id  uuid not null references watchpost.watchlist on delete cascade,
  camera_id     uuid references watchpost.camera,
  place         text not null,
  severity      text not null,
  state         text not null default 'open' check (state in ('open', 'acknowledged', 'confirmed', 'dismissed')),
  best_match_id uuid not null references watchpost.match on delete cascade,
  similarity    real not null,
  first_seen    timestamptz not null,
  last_seen     timestamptz not null,
  sightings     integer not null default 1 check (sightings >= 1),
  created_at    timestamptz not null default clock_timestamp(),
  check (first_seen <= last_seen)
)
with (fillfactor = 80);

create index alert_episode on watchpost.alert (person_id, watchlist_id, place, last_seen desc);
-- Deleting a photo cascades through here.
create index alert_best_match on watchpost.alert (best_match_id);

comment on table  watchpost.alert               is 'One episode: a person of a watchlist, seen at a place once or several times in a row.';
comment on column watchpost.alert.camera_id     is 'The camera of the latest sighting.';
comment on column watchpost.alert.place         is 'zone:NAME, camera:NAME, or nowhere: what makes two sightings the same episode.';
comment on column watchpost.alert.severity      is 'The list''s severity when the alert was raised.';
comment on column watchpost.alert.best_match_id is 'The sighting with the highest similarity.';
comment on column watchpost.alert.similarity    is 'Of the best match.';
comment on column watchpost.alert.first_seen    is 'captured_at of the earliest photo.';
comment on column watchpost.alert.last_seen     is 'captured_at of the latest photo.';
comment on column watchpost.alert.sightings     is 'How many matches it holds.';


create table watchpost.alert_match (
  match_id uuid primary key references watchpost.match on delete cascade,
  alert_id uuid not null references watchpost.alert on delete cascade
);

create index alert_match_alert on watchpost.alert_match (alert_id);

comment on table watchpost.alert_match is 'Which alert a match went into. A match goes into one alert, once.';
