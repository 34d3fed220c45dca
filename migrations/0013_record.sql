-- What makes the record of events and handlings tamper-evident, and how long it is kept.

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


create table watchpost.retention (
  relation text primary key check (relation in ('event', 'search')),
  action   text not null default 'keep' check (action in ('keep', 'detach', 'drop')),
  age      interval not null default '1 year' check (age between '0' and '1000 years'),
  width    interval not null default '7 days'
    check (width >= '1 hour' and extract(year from width) = 0 and extract(month from width) = 0)
);

comment on table  watchpost.retention          is 'How long the rows of event (with handling) and search are kept. Update a row to change it.';
comment on column watchpost.retention.relation is 'event (its handlings always go with it) or search.';
comment on column watchpost.retention.action   is 'keep; detach: out of the table, left in watchpost_history to be archived; drop.';
comment on column watchpost.retention.age      is 'How old the youngest row of a partition must be.';
comment on column watchpost.retention.width    is 'How much time one partition holds, in days or hours. Every query that is not about a time reads each partition, so choose it for tens of them, not hundreds.';

insert into watchpost.retention (relation) values ('event'), ('search');


-- Erasures: who or what was removed for good, and the receipt of it.
create table watchpost.erasure (
  id                 uuid primary key default watchpost.uuidv7(),
  what               text not null check (what in ('person', 'image')),
  subject_id         uuid not null,
  people             uuid[] not null default '{}',
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

comment on table  watchpost.erasure                    is 'The receipt of an erasure: who was it about, who did it and when, and what was removed. Once finished it is never changed, and an event erased with the same facts is sealed.';
comment on column watchpost.erasure.subject_id         is 'The id that the person or the image had.';
comment on column watchpost.erasure.people             is 'The person, and those who were merged into them: what events say about them is erased.';
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
alter table watchpost.delivery alter column answer set statistics 0;
alter table watchpost.event_content alter column salt set statistics 0, alter column content set statistics 0;
alter table watchpost.face alter column crop set statistics 0;
alter table watchpost.embedding alter column vector set statistics 0;
alter table watchpost.reference alter column vector set statistics 0;
alter table watchpost.person_vector alter column vector set statistics 0;
alter table watchpost.stranger_face alter column vector set statistics 0;
