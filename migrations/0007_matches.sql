-- What was searched, and what was found.

-- reference_id and person_id have no foreign keys: those would read every search when a person is forgotten, or cost
-- each search two more indexes.
create table watchpost.search (
  id                   uuid primary key default watchpost.uuidv7(),
  embedding_id         uuid not null references watchpost.embedding on delete cascade,
  face_id              uuid not null references watchpost.face on delete cascade,
  model_id             text not null references watchpost.model,
  watchlists           uuid[] not null,
  watchlist_versions   integer[],
  method               text not null check (method in ('exact', 'hnsw')),
  outcome              text not null check (
    outcome in ('match', 'gated', 'few_looks', 'below_threshold', 'nobody', 'outranked', 'cannot_link')
  ),
  gate                 text[] not null default '{}',
  reference_id         uuid,
  person_id            uuid,
  similarity           real,
  reference_similarity real,
  retroactive          boolean not null default false,
  created_at           timestamptz not null default clock_timestamp(),
  superseded_at        timestamptz,
  check ((outcome = 'nobody') = (similarity is null)),
  constraint search_versions check (cardinality(watchlist_versions) = cardinality(watchlists))
)
partition by range (id);

create table watchpost_history.search_rest partition of watchpost.search default;

create index search_face on watchpost.search (face_id);
-- Deleting a photo cascades through here.
create index search_embedding on watchpost.search (embedding_id);

comment on table  watchpost.search                      is 'One search of one face, or of the track that it stands for, over the active watchlists, recorded whatever came of it.';
comment on column watchpost.search.watchlists           is 'The lists that were active at that moment.';
comment on column watchpost.search.watchlist_versions   is 'Their versions, in the order of watchlists.';
comment on column watchpost.search.method               is 'exact: every person was compared. hnsw: through the index.';
comment on column watchpost.search.outcome              is 'match; gated: near enough, but the face is too poor to alert on; few_looks: the track is near enough, but too few of its faces are by themselves: min_looks, min_share; outranked: near enough, but another face of the photo is more like this person; cannot_link: near enough, but somebody has said that this is not them; below_threshold; nobody: nobody is enrolled on an active list.';
comment on column watchpost.search.gate                 is 'The reasons for gated: those of the face, and low_norm from the embedding.';
comment on column watchpost.search.reference_id         is 'The nearest reference of the person; may be deleted since.';
comment on column watchpost.search.person_id            is 'Whom the outcome is about: the nearest person; may be forgotten since.';
comment on column watchpost.search.similarity           is 'What decides: the cosine between the face and the person, fused over all their photos.';
comment on column watchpost.search.reference_similarity is 'The cosine between the face and the nearest reference alone.';
comment on column watchpost.search.retroactive          is 'The face was searched again because somebody was enrolled, listed or corrected after it was seen.';
comment on column watchpost.search.superseded_at        is 'When a later search of the face replaced it; null: it is current.';


-- search_id has no foreign key: a match is kept when the partition of its search is dropped, which a foreign key to a
-- partitioned table would forbid. A match is deleted with its face.
create table watchpost.match (
  id                 uuid primary key default watchpost.uuidv7(),
  search_id          uuid not null,
  image_id           uuid not null,
  face_id            uuid not null references watchpost.face on delete cascade,
  person_id          uuid not null references watchpost.person on delete cascade,
  reference_id       uuid references watchpost.reference on delete set null,
  watchlist_id       uuid not null references watchpost.watchlist on delete cascade,
  similarity         real not null constraint match_similarity_is_number check (similarity < 'infinity'),
  threshold          real not null,
  retroactive        boolean not null default false,
  created_at         timestamptz not null default clock_timestamp(),
  superseded_at      timestamptz,
  superseded_because text,
  unique (search_id, watchlist_id),
  check (similarity >= threshold),
  constraint match_superseded check ((superseded_at is null) = (superseded_because is null)),
  -- Checked at the end of a statement, because merging people changes the person of all matches of a face in one.
  constraint match_one_person_a_face
    exclude using gist (face_id with =, person_id with <>) where (superseded_at is null) deferrable,
  constraint match_one_face_a_person
    exclude using gist (image_id with =, person_id with =, face_id with <>) where (superseded_at is null)
);

create unique index match_standing on watchpost.match (face_id, watchlist_id) where superseded_at is null;
create index match_face on watchpost.match (face_id);
create index match_image on watchpost.match (image_id);
create index match_person on watchpost.match (person_id, id desc);
-- What a deleted cannot_link restores: few of the matches of a person who is seen every day.
create index match_withdrawn on watchpost.match (person_id) where superseded_because in ('cannot_link', 'backfill');
-- Removing a list deletes its matches.
create index match_watchlist on watchpost.match (watchlist_id);
-- Removing a photo withdraws the matches with its reference; deleting a reference needs it too.
create index match_reference on watchpost.match (reference_id);

comment on table  watchpost.match                    is 'A face that is a person on a watchlist, as far as the threshold goes.';
comment on column watchpost.match.search_id          is 'The search that found it; may be gone when searches are not kept for ever.';
comment on column watchpost.match.image_id           is 'The photo of the face, which the constraints need here. The row is deleted with its face.';
comment on column watchpost.match.similarity         is 'Fused over the person''s photos: search.similarity.';
comment on column watchpost.match.threshold          is 'The list''s threshold at that moment.';
comment on column watchpost.match.retroactive        is 'Found afterwards: the person was enrolled, listed or corrected when the face had been seen.';
comment on column watchpost.match.superseded_at      is 'When it was withdrawn; null: it is current.';
comment on column watchpost.match.superseded_because is 'replay; backfill: searched again, with another result; improved: the track was searched again, with another result; joined: its track was joined with another one; outranked: another face of the photo is more like the person; cannot_link: somebody has said that this is not them; photo_removed: it was found by a photo that was removed; restored: the match that a cannot_link had withdrawn from this face is back; unmerged: it was found while two people were merged.';
comment on constraint match_one_person_a_face on watchpost.match is 'A face is one person, on however many lists.';
comment on constraint match_one_face_a_person on watchpost.match is 'A person is in a photo once.';
