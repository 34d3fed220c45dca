-- Lists that are in force for a while, ask for two reviewers, and can be told apart by version; people whose photos can
-- be taken from a frame that is here already, and taken back.

-- Exclusion constraints over uuid and text beside ranges.
create extension if not exists btree_gist;

alter table watchpost.watchlist
  add column target_fpir      real check (target_fpir > 0 and target_fpir < 1),
  add column valid_from       timestamptz,
  add column valid_until      timestamptz,
  add column reviewers        smallint not null default 1 check (reviewers in (1, 2)),
  add column page_retroactive boolean not null default false,
  add column version          integer not null default 1,
  add column changed_at       timestamptz not null default now(),
  add constraint watchlist_validity check (valid_from < valid_until);

comment on column watchpost.watchlist.target_fpir      is 'The share of strangers that may be taken for somebody, for example 0.003. The threshold is then taken from the latest calibration; null: it was set by hand.';
comment on column watchpost.watchlist.valid_from       is 'The list is searched from then on; null: from the beginning.';
comment on column watchpost.watchlist.valid_until      is 'The list is searched until then; null: for ever.';
comment on column watchpost.watchlist.reviewers        is 'How many different people must confirm an alert of this list.';
comment on column watchpost.watchlist.page_retroactive is 'Whether alerts for what was seen before somebody was enrolled are sent to endpoints too.';
comment on column watchpost.watchlist.version          is 'Goes up whenever the list or who is on it changes; a search tells the versions that it searched.';
comment on column watchpost.watchlist.changed_at       is 'When the version went up.';


-- One frame may show several people to enrol, so a photo is no longer one person's; a face still is.
alter table watchpost.person_photo
  drop constraint person_photo_image_id_key,
  add column accept         text[] not null default '{}',
  add column removed_at     timestamptz,
  add column removed_by     text,
  add column removal_reason text,
  add constraint person_photo_removal check ((removed_at is null) = (removed_by is null));

create unique index person_photo_face on watchpost.person_photo (image_id, chosen_face) nulls not distinct
where removed_at is null;

create index person_photo_image on watchpost.person_photo (image_id);

comment on column watchpost.person_photo.accept     is 'Codes of the gate that somebody has looked at and accepts for this photo, for example face_unlike.';
comment on column watchpost.person_photo.removed_at is 'When the photo was taken back; what rested on it is withdrawn. Null: it counts.';
