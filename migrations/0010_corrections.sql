-- What people say about who somebody is not, and who is the same as somebody, and the search of past faces after enrolment
-- and correction.

create table watchpost.cannot_link (
  id              uuid primary key default watchpost.uuidv7(),
  person_id       uuid not null references watchpost.person on delete cascade,
  face_id         uuid references watchpost.face on delete cascade,
  other_person_id uuid references watchpost.person on delete cascade,
  alert_id        uuid references watchpost.alert on delete set null,
  review_id       uuid references watchpost.alert_review on delete set null,
  reason          text constraint cannot_link_reason_is_text check (watchpost.is_text(reason)),
  created_by      text not null default watchpost.actor() constraint cannot_link_created_by_is_token check (watchpost.is_token(created_by)),
  created_at      timestamptz not null default now() constraint cannot_link_created_at_is_time check (watchpost.is_time(created_at)),
  check (num_nonnulls(face_id, other_person_id) = 1),
  unique (person_id, face_id)
);

create unique index cannot_link_people on watchpost.cannot_link (least(person_id, other_person_id), greatest(person_id, other_person_id))
where other_person_id is not null;
create index cannot_link_face on watchpost.cannot_link (face_id);
create index cannot_link_other_person on watchpost.cannot_link (other_person_id);
create index cannot_link_alert on watchpost.cannot_link (alert_id);
create index cannot_link_review on watchpost.cannot_link (review_id);

comment on table  watchpost.cannot_link                 is 'Somebody has said: this face is not this person, or these two are two people. Holds until the row is deleted, through every replay.';
comment on column watchpost.cannot_link.face_id         is 'A face that is not this person. It never matches them, and neither does a face that is more like this one than like the person.';
comment on column watchpost.cannot_link.other_person_id is 'A person who is not this person, however alike they are.';
comment on column watchpost.cannot_link.alert_id        is 'The alert that was dismissed with it.';
comment on column watchpost.cannot_link.review_id       is 'The dismissal that wrote it, which deletes it when it is undone; null: it was written by hand.';
comment on column watchpost.cannot_link.created_by      is 'Who said so: see actor().';


create table watchpost.person_merge (
  id        uuid primary key default watchpost.uuidv7(),
  kept_id   uuid not null references watchpost.person on delete cascade,
  merged_id uuid not null references watchpost.person on delete cascade,
  note      text constraint person_merge_note_is_text check (watchpost.is_text(note)),
  merged_by text not null default watchpost.actor() constraint person_merge_merged_by_is_token check (watchpost.is_token(merged_by)),
  merged_at timestamptz not null default now() constraint person_merge_merged_at_is_time check (watchpost.is_time(merged_at)),
  moved     jsonb not null default '{}',
  undo_note text constraint person_merge_undo_note_is_text check (watchpost.is_text(undo_note)),
  undone_by text constraint person_merge_undone_by_is_token check (watchpost.is_token(undone_by)),
  undone_at timestamptz constraint person_merge_undone_at_is_time check (watchpost.is_time(undone_at)),
  check (kept_id <> merged_id),
  constraint person_merge_undoing check ((undone_at is null) = (undone_by is null) and (undo_note is null or undone_at is not null))
);

create unique index person_merge_standing on watchpost.person_merge (merged_id) where undone_at is null;
create index person_merge_merged on watchpost.person_merge (merged_id);
create index person_merge_kept on watchpost.person_merge (kept_id, id desc);

comment on table  watchpost.person_merge           is 'Somebody has said: these two are one person. merge_persons() writes a row, unmerge_persons() marks it as undone. Deleted with either person.';
comment on column watchpost.person_merge.kept_id   is 'Who has everything now.';
comment on column watchpost.person_merge.merged_id is 'Whose rows were moved; person.merged_into leads from here to kept_id.';
comment on column watchpost.person_merge.merged_by is 'Who said so: see actor().';
comment on column watchpost.person_merge.moved     is 'How many rows of each table it has changed: {"match": 12, …}; person_merge_row has each.';
comment on column watchpost.person_merge.undone_at is 'When it was undone; null: it stands.';


create table watchpost.person_merge_row (
  merge_id uuid not null references watchpost.person_merge on delete cascade,
  relation text not null check (relation in (
    'alert', 'alert_match', 'backfill', 'cannot_link', 'match', 'person_photo', 'reference', 'search', 'stranger',
    'watchlist_entry'
  )),
  row_id   uuid not null,
  was      jsonb,
  became   jsonb,
  primary key (merge_id, relation, row_id),
  check (was is not null or became is not null)
);

comment on table  watchpost.person_merge_row          is 'Every row that a merge has changed, by which unmerge_persons() gives each back as it was.';
comment on column watchpost.person_merge_row.relation is 'The table.';
comment on column watchpost.person_merge_row.row_id   is 'Its primary key; of a watchlist_entry the list.';
comment on column watchpost.person_merge_row.was      is 'The columns that were changed, as they were before; null: the merge has added the row.';
comment on column watchpost.person_merge_row.became   is 'The same columns after the merge; null: the merge has deleted the row.';


create table watchpost.backfill (
  id            uuid primary key default watchpost.uuidv7(),
  reason        text not null check (reason in ('enrolled', 'listed', 'removed', 'cannot_link')),
  person_id     uuid not null references watchpost.person on delete cascade,
  model_id      text not null references watchpost.model,
  reference_ids uuid[] not null default '{}',
  cursor        uuid,
  searched      integer not null default 0 check (searched >= 0),
  found         integer not null default 0 check (found >= 0),
  started_at    timestamptz not null default clock_timestamp(),
  finished_at   timestamptz
);

create index backfill_person on watchpost.backfill (person_id, id desc);

comment on table  watchpost.backfill               is 'One search of the past faces for one person, newest first, a batch at a time: each batch is an event backfill.continued.';
comment on column watchpost.backfill.reason        is 'enrolled: a photo was added. listed: the person was put on a list, or a cannot_link was deleted. removed: a photo was removed. cannot_link: a face was said not to be the person. The first two search all past faces, the others those of photos the person was found in.';
comment on column watchpost.backfill.reference_ids is 'The references that were added or removed.';
comment on column watchpost.backfill.cursor        is 'The embedding that was reached: older ones are still to be searched. Null: none was yet.';
comment on column watchpost.backfill.searched      is 'How many embeddings it has searched so far.';
comment on column watchpost.backfill.found         is 'Matches that it has written.';
comment on column watchpost.backfill.finished_at   is 'When there were no older ones left; null: it continues.';
