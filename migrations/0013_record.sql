-- What makes the record of events and handlings tamper-evident, who looked at photos, and how long both are kept.

create table watchpost.seal (
  number    bigint primary key check (number >= 1),
  kind      text not null check (kind in ('event', 'handling', 'retired', 'restored')),
  row_count bigint not null check (row_count >= 0),
  from_xid  xid8,
  from_id   uuid,
  to_xid    xid8,
  to_id     uuid,
  first_key uuid,
  last_key  uuid,
  root      bytea,
  retired   jsonb,
  restored  jsonb,
  digest    bytea not null unique check (octet_length(digest) = 32),
  sealed_at timestamptz not null default clock_timestamp(),
  check ((kind = 'retired') = (retired is not null)),
  check ((kind = 'restored') = (restored is not null)),
  check ((kind in ('retired', 'restored')) = (root is null)),
  check (num_nulls(first_key, last_key) = case kind when 'restored' then 2 else 0 end),
  check (num_nulls(from_xid, from_id, to_xid, to_id) = case when kind in ('retired', 'restored') then 4 else 0 end)
);

create index seal_kind on watchpost.seal (kind, number desc);

comment on table  watchpost.seal           is 'A hash chain over the record: each seal covers a closed range of events or handlings, or says that a partition was dropped or the database restored. Append-only, and never dropped itself.';
comment on column watchpost.seal.number    is 'From 1, without gaps.';
comment on column watchpost.seal.kind      is 'event, handling: rows of that table were sealed. retired: a partition was dropped or detached. restored: the database was found on another server, or as another database: restored from a dump, copied or moved.';
comment on column watchpost.seal.row_count is 'How many rows it covers.';
comment on column watchpost.seal.from_xid  is 'With from_id: where the range begins, in the order of (xid, id), excluded.';
comment on column watchpost.seal.to_xid    is 'With to_id: where the range ends, included. Every transaction up to there had ended when it was sealed.';
comment on column watchpost.seal.first_key is 'The smallest event id among its rows; of a retired partition, its lower bound; null: it has no rows.';
comment on column watchpost.seal.last_key  is 'The greatest event id among its rows; of a retired partition, its upper bound, excluded.';
comment on column watchpost.seal.root      is 'SHA-256 of the ids and leaves, so that the chain can be checked after the leaves were dropped with their rows.';
comment on column watchpost.seal.retired   is 'Table, partition, bounds, rows, and whether it was dropped or detached.';
comment on column watchpost.seal.restored  is 'From which database_identity() to which, and what is added to transaction ids since.';
comment on column watchpost.seal.digest    is 'SHA-256 of the digest before it and of all other columns: seal_digest().';


create table watchpost.seal_leaves (
  number bigint primary key references watchpost.seal,
  -- Random bits and hashes cannot be compressed.
  ids    uuid[] storage external not null,
  keys   uuid[] storage external,
  leaves bytea[] storage external not null
);

comment on table  watchpost.seal_leaves        is 'The hash of each sealed row, by which verify_audit() names a row that was altered. Dropped with the rows.';
comment on column watchpost.seal_leaves.ids    is 'The rows, in the order of (xid, id).';
comment on column watchpost.seal_leaves.keys   is 'Of handlings: their events, which give the partition.';
comment on column watchpost.seal_leaves.leaves is 'SHA-256 of each row: event_leaf(), handling_leaf().';


create table watchpost.seal_head (
  one    boolean primary key default true check (one),
  number bigint not null,
  digest bytea not null
);

comment on table watchpost.seal_head is 'The latest seal, so that a seal removed from the end of the chain is noticed; also the lock of whoever seals.';

insert into watchpost.seal_head (number, digest) values (0, sha256('watchpost'));


create table watchpost.access (
  id           uuid not null default watchpost.uuidv7(),
  at           timestamptz not null default clock_timestamp(),
  actor        text not null default watchpost.actor() constraint access_actor_is_token check (watchpost.is_token(actor)),
  action       text not null check (
    action in ('photo', 'crop', 'search', 'compare', 'detect', 'export', 'evidence', 'report')
  ),
  subject_kind text check (
    subject_kind in ('image', 'face', 'person', 'stranger', 'watchlist', 'alert', 'camera')
  ),
  subject_id   uuid,
  person_ids   uuid[] not null default '{}',
  reason       text check (reason <> '') constraint access_reason_is_text check (watchpost.is_text(reason)),
  request_id   text constraint access_request_id_is_token check (watchpost.is_token(request_id)),
  details      jsonb not null default '{}' constraint access_details_is_metadata check (watchpost.is_metadata(details)),
  times        integer not null default 1 check (times >= 1),
  last_at      timestamptz not null default clock_timestamp(),
  primary key (id),
  constraint access_subject check ((subject_kind is null) = (subject_id is null))
)
partition by range (id);

create table watchpost_history.access_rest partition of watchpost.access default;

create index access_subject on watchpost.access (subject_id, id desc) where subject_id is not null;
create index access_actor on watchpost.access (actor, id desc);
create index access_persons on watchpost.access using gin (person_ids);

comment on table  watchpost.access              is 'Who looked: one row for each reading of a photo or a crop, each search by photo, each export, evidence file and access report. Written by record_access() only. Append-only, but for the count of a reading that is repeated within a minute.';
comment on column watchpost.access.at           is 'When; of several readings, the first.';
comment on column watchpost.access.actor        is 'Who: see actor().';
comment on column watchpost.access.action       is 'photo, crop: it was read. search: people were searched by a photo. compare, detect: of photos that are not stored. export: people with their photos were written to files. evidence: of an alert. report: the access report of a person.';
comment on column watchpost.access.subject_kind is 'The table of what was read; null: a photo that is not stored, or everything.';
comment on column watchpost.access.subject_id   is 'What was read; no foreign key, because the record of a reading outlives it.';
comment on column watchpost.access.person_ids   is 'Everybody whom it concerned at that moment: whose photo it was, who had been found in it, or whom the search found.';
comment on column watchpost.access.reason       is 'Why, in the words of who looked; null: they gave none.';
comment on column watchpost.access.request_id   is 'The Request-Id of the call over HTTP.';
comment on column watchpost.access.details      is 'What else there is to say, without personal data: of a search the SHA-256 of the photo and the similarities.';
comment on column watchpost.access.times        is 'How often; above 1 for a photo or crop that the same actor read again within a minute of the reading before.';
comment on column watchpost.access.last_at      is 'When it was read the last time of these.';


create table watchpost.retention (
  id        uuid primary key default watchpost.uuidv7(),
  relation  text not null check (relation in ('event', 'search', 'access', 'image', 'face', 'stranger', 'person')),
  camera_id uuid references watchpost.camera on delete cascade,
  action    text not null default 'keep',
  age       interval not null default '1 year' check (age between '0' and '1000 years'),
  purpose   text not null constraint retention_purpose_is_given check (watchpost.is_given(purpose)) constraint retention_purpose_is_text check (watchpost.is_text(purpose)),
  width     interval check (width >= '1 hour' and extract(year from width) = 0 and extract(month from width) = 0),
  reached   uuid,
  constraint retention_once unique nulls not distinct (relation, camera_id),
  constraint retention_of_cameras check (camera_id is null or relation in ('image', 'face')),
  constraint retention_width check ((width is not null) = (relation in ('event', 'search', 'access'))),
  constraint retention_action check (
    action = any (
      case
        when relation in ('event', 'search', 'access') then array['keep', 'detach', 'drop']
        when relation = 'stranger' then array['delete']
        when relation = 'person' then array['review', 'delete']
        else array['keep', 'delete']
      end
    )
  )
);

comment on table  watchpost.retention           is 'How long everything is kept, and what for: one rule for each kind of row, and rules of single cameras. Every change is an event retention.changed; the view due says what follows for each row.';
comment on column watchpost.retention.relation  is 'event (its handlings always go with it), search, access: by partition. image: photos of cameras that no alert rests on. face: faces that matched nobody, also in photos that are kept. stranger: faces of recurring strangers. person: enrolled people.';
comment on column watchpost.retention.camera_id is 'Of image and face: the camera whose photos the rule is for, which goes before the general one; null: the general rule.';
comment on column watchpost.retention.action    is 'keep. delete. detach: out of the table, left in watchpost_history to be archived. drop: the partition. Of a person, when keep_until is over: delete, or review, which reminds only.';
comment on column watchpost.retention.age       is 'Since a photo was received or a face found in it; of a stranger since the last visit; of a partition since its youngest row. Of a person without keep_until: since they were added, until a review is due.';
comment on column watchpost.retention.purpose   is 'What such rows are kept for.';
comment on column watchpost.retention.width     is 'How much time one partition holds, in days or hours; null: the table has none. Every query that is not about a time reads each partition, so choose it for tens of them, not hundreds.';
comment on column watchpost.retention.reached   is 'The row up to which the purge that is under way has come; null: none is.';

insert into watchpost.retention (relation, action, age, width, purpose) values
  ('event',    'keep',   '1 year',   '7 days', 'The record of what the system did and what people decided.'),
  ('search',   'keep',   '1 year',   '7 days', 'To say of each face what it was compared with.'),
  ('access',   'keep',   '1 year',   '7 days', 'To answer who looked at whom.'),
  ('image',    'delete', '48 hours', null,     'To be searched against the watchlists, and again if somebody is enrolled soon after.'),
  ('face',     'delete', '48 hours', null,     'To be searched against the watchlists, and again if somebody is enrolled soon after.'),
  ('stranger', 'delete', '30 days',  null,     'To recognise that somebody unknown comes again.'),
  ('person',   'delete', '1 year',   null,     'To be recognised by the watchlists they are on.');


-- Erasures: who or what was removed for good, and the receipt of it.
create table watchpost.erasure (
  id                 uuid primary key default watchpost.uuidv7(),
  what               text not null check (what in ('person', 'image', 'purge')),
  subject_id         uuid not null,
  people             uuid[] not null default '{}',
  site_id            uuid,
  with_matched_faces boolean not null default false,
  actor              text not null default watchpost.actor() constraint erasure_actor_is_token check (watchpost.is_token(actor)),
  started_at         timestamptz not null default clock_timestamp(),
  finished_at        timestamptz,
  counts             jsonb not null default '{}',
  hashes             jsonb not null default '{}',
  key                bytea,
  check ((finished_at is null) = (key is not null))
);

create unique index erasure_unfinished on watchpost.erasure (what, subject_id) where finished_at is null;
create index erasure_subject on watchpost.erasure (subject_id);
create index erasure_people on watchpost.erasure using gin (people);

comment on table  watchpost.erasure                    is 'The receipt of an erasure, or of a batch of the purge: who was it about, who did it and when, and what was removed. Once finished it is never changed, and an event erased with the same facts is sealed.';
comment on column watchpost.erasure.subject_id         is 'The id that the person or the image had; of a purge that of its rule in retention.';
comment on column watchpost.erasure.people             is 'The person, and those who were merged into them: what events say about them is erased.';
comment on column watchpost.erasure.site_id            is 'The site that the person or the image belonged to, which sees the receipt; null: nobody knew any more, and only those see it who see all sites.';
comment on column watchpost.erasure.with_matched_faces is 'Whether the faces were erased that the person was matched to.';
comment on column watchpost.erasure.finished_at        is 'Null: it was interrupted, or is under way; the same call goes on with it.';
comment on column watchpost.erasure.counts             is 'Rows removed of each table; image.bytes: photos that were dropped of images that stay.';
comment on column watchpost.erasure.hashes             is 'Of each table: SHA-256 of the hashes of its removed rows, in their order. Each is SHA-256 of the key and the row as JSON, see erased_leaf().';
comment on column watchpost.erasure.key                is '32 random bytes, given to the caller at the end and then forgotten: who has it and a copy of the rows can show that they are what was erased; nobody else can find out what it was by guessing.';


create table watchpost.erasure_leaf (
  erasure_id uuid not null references watchpost.erasure on delete cascade,
  relation   text not null,
  leaf       bytea not null
);

create index erasure_leaf_erasure on watchpost.erasure_leaf (erasure_id, relation);

comment on table watchpost.erasure_leaf is 'The hashes of the rows that an unfinished erasure has removed so far.';


create table watchpost.erasure_face (
  face_id    uuid primary key references watchpost.face on delete cascade,
  erasure_id uuid not null references watchpost.erasure on delete cascade
);

create index erasure_face_erasure on watchpost.erasure_face (erasure_id, face_id);

comment on table watchpost.erasure_face is 'The faces that an unfinished erasure is still to remove from photos.';


-- The planner's statistics hold samples of a column's values, and outlive the rows. No query needs them of these columns.
alter table watchpost.person alter column name set statistics 0, alter column external_ref set statistics 0, alter column metadata set statistics 0;
alter table watchpost.person_photo alter column removal_reason set statistics 0;
alter table watchpost.image alter column idempotency_key set statistics 0;
alter table watchpost.alert_review alter column note set statistics 0, alter column before set statistics 0;
alter table watchpost.cannot_link alter column reason set statistics 0;
alter table watchpost.person_merge alter column note set statistics 0, alter column undo_note set statistics 0;
alter table watchpost.event_content alter column salt set statistics 0, alter column content set statistics 0;
alter table watchpost.face alter column crop set statistics 0;
alter table watchpost.embedding alter column vector set statistics 0;
alter table watchpost.reference alter column vector set statistics 0;
alter table watchpost.person_vector alter column vector set statistics 0;
alter table watchpost.stranger_face alter column vector set statistics 0;
