-- How rows become work, and the record of that work.

create table watchpost.subscription (
  topic        text not null check (topic <> ''),
  task         text not null check (task <> ''),
  enabled      boolean not null default true,
  batch_size   integer not null default 1 check (batch_size between 1 and 10000),
  max_attempts smallint not null default 5 check (max_attempts between 1 and 100),
  priority     smallint not null default 0,
  delivery     text not null default 'job' check (delivery in ('claim', 'job')),
  created_at   timestamptz not null default now(),
  primary key (topic, task)
);

comment on table  watchpost.subscription              is 'Which task consumes which events. Insert a row to add a consumer.';
comment on column watchpost.subscription.topic        is 'For example face.detected.';
comment on column watchpost.subscription.task         is 'The graphile-worker task that is run.';
comment on column watchpost.subscription.enabled      is 'False: new events are not handed to this task.';
comment on column watchpost.subscription.delivery     is 'claim: workers claim the events from the outbox. job: the relay makes graphile-worker jobs of them, for consumers of your own and for what waits for other servers.';
comment on column watchpost.subscription.batch_size   is 'Most events that a task is given at a time.';
comment on column watchpost.subscription.priority     is 'Jobs with a smaller number are taken first.';
comment on column watchpost.subscription.max_attempts is 'After that many failed attempts an event is handled as failed, for good.';

-- Later stages go first: a photo that is begun is finished before the next one is opened, so an alert waits for no
-- burst that came after it.
insert into watchpost.subscription (topic, task, batch_size, priority) values
  -- Detecting costs 50 ms and more: one photo a job spreads a burst evenly over all workers.
  ('image.received', 'detect', 1, 0),
  ('photo.added',    'detect', 1, -10),
  -- The embedder gains nothing from batches above 4 faces; 8 keeps one job near 60 ms.
  ('face.detected',  'embed',  8, -20),
  -- The rest is a few statements for the whole batch.
  ('face.embedded',  'match', 64, -30),
  ('photo.embedded', 'enrol', 64, -30),
  ('match.found',    'alert', 64, -40);

update watchpost.subscription set delivery = 'claim';


create table watchpost.event (
  id         uuid primary key default watchpost.uuidv7(),
  topic      text not null check (topic <> ''),
  subject_id uuid not null,
  image_id   uuid,
  payload    jsonb not null default '{}' check (jsonb_typeof(payload) = 'object'),
  tasks      text[] not null default '{}',
  created_at timestamptz not null default clock_timestamp(),
  xid        xid8 not null default pg_current_xact_id()
)
partition by range (id);

create table watchpost_history.event_rest partition of watchpost.event default;

create index event_image on watchpost.event (image_id, id);
create index event_subject on watchpost.event (subject_id, topic);
-- The order in which events are sealed.
create index event_sealing on watchpost.event (xid, id);

comment on table  watchpost.event            is 'Something that happened: one row for each row that appeared. Append-only.';
comment on column watchpost.event.subject_id is 'The row that appeared.';
comment on column watchpost.event.image_id   is 'The photo it is about; no foreign key, because an event outlives its photo.';
comment on column watchpost.event.payload    is 'What a task needs to know; also the body of POST /v1/tasks/{task}.';
comment on column watchpost.event.tasks      is 'The tasks that were subscribed at that moment: each owes a handling.';
comment on column watchpost.event.xid        is 'The transaction that wrote it: what is below every running transaction is complete and can be sealed.';


create table watchpost.outbox (
  task       text collate "C" not null,
  topic      text collate "C" not null,
  source     text collate "C" not null default '',
  event_id   uuid not null,
  payload    jsonb not null,
  attempts   smallint not null default 0,
  claimed_by uuid,
  claimed_at timestamptz,
  primary key (task, topic, source, event_id)
)
-- A claim updates a row in place: no indexed column changes, and a page has room for the new version. Rows are deleted
-- within moments, so vacuum goes by their count, not by a share of a table that is empty most of the time.
with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

comment on table  watchpost.outbox            is 'The queue: one row for each event and each task that still owes it a handling. Written with the event, claimed by a worker, and deleted in the transaction that writes the handling.';
comment on column watchpost.outbox.source     is 'Whose photo it is: the key source of the event''s payload, or empty. Claims take turns between sources; within one they go by event_id.';
comment on column watchpost.outbox.payload    is 'The event''s payload.';
comment on column watchpost.outbox.attempts   is 'How often it has been claimed.';
comment on column watchpost.outbox.claimed_by is 'The worker that has it; null: it waits.';
comment on column watchpost.outbox.claimed_at is 'When it was claimed.';


-- Cut by its event's key, so that a handling lies with its event and the fence below can be unique.
create table watchpost.handling (
  id          uuid not null default watchpost.uuidv7(),
  event_id    uuid not null,
  task        text not null,
  outcome     text not null check (outcome in ('done', 'retry', 'failed')),
  attempt     smallint not null,
  worker_id   uuid,
  started_at  timestamptz not null,
  duration_ms real not null,
  code        text,
  error       text,
  created_at  timestamptz not null default clock_timestamp(),
  xid         xid8 not null default pg_current_xact_id(),
  primary key (event_id, id),
  check ((outcome = 'done') = (code is null)),
  check ((code is null) = (error is null))
)
partition by range (event_id);

create table watchpost_history.handling_rest partition of watchpost.handling default;

-- The fence: an event is done by a task once, however often it is delivered.
create unique index handling_done on watchpost.handling (event_id, task) where outcome = 'done';
-- The views ask for every outcome, which a partial index can not answer.
create index handling_event on watchpost.handling (event_id, task);
create index handling_failed on watchpost.handling (id) where outcome = 'failed';
create index handling_sealing on watchpost.handling (xid, id);

comment on table  watchpost.handling             is 'What became of an event in a task, attempt by attempt. Written in the transaction of the task''s own rows. Append-only.';
comment on column watchpost.handling.outcome     is 'done; retry: failed and will be tried again; failed: will not be tried again.';
comment on column watchpost.handling.worker_id   is 'The process that did it.';
comment on column watchpost.handling.started_at  is 'When the task took it up.';
comment on column watchpost.handling.duration_ms is 'From there to the moment its rows were written.';
comment on column watchpost.handling.code        is 'Why it failed: a stable code.';
comment on column watchpost.handling.error       is 'Why it failed, in a sentence.';
comment on column watchpost.handling.xid         is 'The transaction that wrote it; see event.xid.';


create table watchpost.worker (
  id          uuid primary key default watchpost.uuidv7(),
  host        text not null,
  pid         integer not null,
  version     text not null,
  concurrency smallint not null,
  pools       text[] not null default '{}',
  models      text[] not null default '{}',
  started_at  timestamptz not null default clock_timestamp(),
  last_seen   timestamptz not null default clock_timestamp(),
  stopped_at  timestamptz
);

comment on table  watchpost.worker             is 'A process that runs tasks, or serves the API.';
comment on column watchpost.worker.concurrency is 'Jobs at a time; 0: it only serves the API.';
comment on column watchpost.worker.pools       is 'graphile-worker''s pool ids: what its jobs are locked by.';
comment on column watchpost.worker.last_seen   is 'Its latest heartbeat.';
comment on column watchpost.worker.stopped_at  is 'When it said goodbye; null: it runs, or died.';


create table watchpost.api_key (
  id         uuid primary key default watchpost.uuidv7(),
  name       text not null unique check (name <> ''),
  sha256     bytea not null unique,
  created_at timestamptz not null default now(),
  revoked_at timestamptz
);

comment on table  watchpost.api_key        is 'Who may call the API.';
comment on column watchpost.api_key.sha256 is 'Of the key; the key itself is kept nowhere in the database. 256 random bits need no slow hash.';
