-- One identity per face, one face per person in a photo, kept by the database; what somebody has said is not a person;
-- and of every match that does not stand any more, why.

-- Their results have more columns; sql/ makes them anew.
drop function if exists watchpost.nearest_people(halfvec, text, text, integer);
drop function if exists watchpost.supersede_matches(uuid[]);
drop function if exists watchpost.supersede_searches(uuid[]);
drop function if exists watchpost.lineage(uuid);

alter table watchpost.search
  add column watchlist_versions   integer[],
  add column reference_similarity real,
  add column retroactive          boolean not null default false,
  drop constraint search_outcome_check,
  add constraint search_outcome_check check (
    outcome in ('match', 'gated', 'below_threshold', 'nobody', 'outranked', 'cannot_link')
  ),
  add constraint search_versions check (cardinality(watchlist_versions) = cardinality(watchlists));

comment on column watchpost.search.watchlists           is 'The lists that were active at that moment.';
comment on column watchpost.search.watchlist_versions   is 'Their versions, in the order of watchlists; null: searched before lists had versions.';
comment on column watchpost.search.outcome              is 'match; gated: near enough, but the face is too poor to alert on; outranked: near enough, but another face of the photo is more like this person; cannot_link: near enough, but somebody has said that this is not them; below_threshold; nobody: nobody is enrolled on an active list.';
comment on column watchpost.search.reference_id         is 'The nearest reference of the person.';
comment on column watchpost.search.person_id            is 'Whom the outcome is about: the nearest person.';
comment on column watchpost.search.similarity           is 'What decides: the cosine between the face and the person, fused over all their photos.';
comment on column watchpost.search.reference_similarity is 'The cosine between the face and the nearest reference alone.';
comment on column watchpost.search.retroactive          is 'The face was searched again because somebody was enrolled, listed or corrected after it was seen.';


alter table watchpost.match
  add column image_id           uuid,
  add column retroactive        boolean not null default false,
  add column superseded_because text;

update watchpost.match as m set image_id = f.image_id from watchpost.face as f where f.id = m.face_id;
update watchpost.match set superseded_because = 'replay' where superseded_at is not null;

-- What stood side by side so far and may not any more: the better match stays, of equal ones the older.
with ranked as (
  select
    m.id,
    row_number() over (partition by m.face_id, m.watchlist_id order by m.similarity desc, m.id) as of_face,
    first_value(m.person_id) over (partition by m.face_id order by m.similarity desc, m.id) as person,
    m.person_id,
    first_value(m.face_id) over (partition by m.image_id, m.person_id order by m.similarity desc, m.id) as face,
    m.face_id
  from watchpost.match as m
  where m.superseded_at is null
)
update watchpost.match as m
set superseded_at = now(), superseded_because = 'outranked'
from ranked as r
where r.id = m.id and (r.of_face > 1 or r.person <> r.person_id or r.face <> r.face_id);

alter table watchpost.match
  alter column image_id set not null,
  add constraint match_superseded check ((superseded_at is null) = (superseded_because is null)),
  add constraint match_one_person_a_face
    exclude using gist (face_id with =, person_id with <>) where (superseded_at is null),
  add constraint match_one_face_a_person
    exclude using gist (image_id with =, person_id with =, face_id with <>) where (superseded_at is null);

create unique index match_standing on watchpost.match (face_id, watchlist_id) where superseded_at is null;
create index match_image on watchpost.match (image_id);

comment on column watchpost.match.image_id           is 'The photo of the face, which the constraints need here. It goes with its face.';
comment on column watchpost.match.similarity         is 'Fused over the person''s photos: search.similarity.';
comment on column watchpost.match.retroactive        is 'Found after the fact: the person was enrolled, listed or corrected when the face had been seen.';
comment on column watchpost.match.superseded_because is 'replay; backfill: searched again, with another result; outranked: another face of the photo is more like the person; cannot_link: somebody has said that this is not them; photo_removed: it rested on a photo that was taken back.';
comment on constraint match_one_person_a_face on watchpost.match is 'A face is one person, on however many lists.';
comment on constraint match_one_face_a_person on watchpost.match is 'A person is in a photo once.';


-- sql/1-base/lists.sql makes it anew; the default below needs it now.
create or replace function watchpost.actor() returns text
language sql stable
return coalesce(nullif(current_setting('watchpost.actor', true), ''), session_user);

create table watchpost.cannot_link (
  id              uuid primary key default watchpost.uuidv7(),
  person_id       uuid not null references watchpost.person on delete cascade,
  face_id         uuid references watchpost.face on delete cascade,
  other_person_id uuid references watchpost.person on delete cascade,
  alert_id        uuid references watchpost.alert on delete set null,
  reason          text,
  created_by      text not null default watchpost.actor(),
  created_at      timestamptz not null default now(),
  check (num_nonnulls(face_id, other_person_id) = 1),
  unique (person_id, face_id)
);

create unique index cannot_link_people on watchpost.cannot_link (least(person_id, other_person_id), greatest(person_id, other_person_id))
where other_person_id is not null;
create index cannot_link_face on watchpost.cannot_link (face_id);
create index cannot_link_other_person on watchpost.cannot_link (other_person_id);
create index cannot_link_alert on watchpost.cannot_link (alert_id);

comment on table  watchpost.cannot_link                 is 'Somebody has said: this face is not this person, or these two are two people. Holds until the row is deleted, through every replay.';
comment on column watchpost.cannot_link.face_id         is 'A face that is not this person. It never matches them, nor does its like: a face that looks more like this one than like the person.';
comment on column watchpost.cannot_link.other_person_id is 'A person who is not this person, however alike they look.';
comment on column watchpost.cannot_link.alert_id        is 'The alert that was dismissed with it.';
comment on column watchpost.cannot_link.created_by      is 'Who said so: see actor().';
