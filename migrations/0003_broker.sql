-- How rows become work: events, who consumes them, and the record of what was done.

-- event, handling and search only grow. They are partitioned by time, so that old rows go by dropping a table: a DELETE
-- would write as much as the INSERT did, and the record allows none. The partition key is the UUIDv7 key and not a time
-- column, because a primary key of a partitioned table has to contain the partition key, and an id alone shall be
-- unique. sql/6-record creates the partitions and retires them.
create schema watchpost_history;

comment on schema watchpost_history is 'The partitions of watchpost.event, handling and search, by time. Query the tables in watchpost instead.';

-- The rows of the product's own consumers are in sql/2-broker/wiring.sql.
create table watchpost.subscription (
  topic        text not null check (topic <> '') constraint subscription_topic_is_token check (watchpost.is_token(topic)),
  task         text not null check (task <> '') constraint subscription_task_is_token check (watchpost.is_token(task)),
  enabled      boolean not null default true,
  batch_size   integer not null default 1 check (batch_size between 1 and 10000),
  max_attempts smallint not null default 5 check (max_attempts between 1 and 100),
  priority     smallint not null default 0,
  delivery     text not null default 'job' check (delivery in ('claim', 'job')),
  queue_by     text check (queue_by <> '') constraint subscription_queue_by_is_token check (watchpost.is_token(queue_by)),
  created_at   timestamptz not null default now() constraint subscription_created_at_is_time check (watchpost.is_time(created_at)),
  primary key (topic, task)
);

comment on table  watchpost.subscription              is 'Which task consumes which events. The rows of the product are listed in sql/2-broker/wiring.sql; insert a row to add a consumer.';
comment on column watchpost.subscription.topic        is 'For example face.detected.';
comment on column watchpost.subscription.task         is 'The task that is run: a stage of a worker, or a graphile-worker task of your own.';
comment on column watchpost.subscription.enabled      is 'False: new events are not handed to this task.';
comment on column watchpost.subscription.batch_size   is 'Most events that the task is given at a time.';
comment on column watchpost.subscription.max_attempts is 'After this many failed attempts an event is recorded as failed, a dead letter.';
comment on column watchpost.subscription.priority     is 'Tasks with a smaller number come first. Below 0: what a worker writes for this task it claims in the same statement, and handles next.';
comment on column watchpost.subscription.delivery     is 'claim: workers claim the events from the outbox. job: the relay makes graphile-worker jobs of them, for consumers of your own and for what waits for other servers.';
comment on column watchpost.subscription.queue_by     is 'A key of the payload: jobs with the same value there are run one after the other. For a batch_size of 1.';


create table watchpost.event (
  id         uuid primary key default watchpost.record_key(),
  topic      text not null check (topic <> ''),
  subject_id uuid not null,
  image_id   uuid,
  payload    jsonb not null default '{}' check (jsonb_typeof(payload) = 'object'),
  tasks      text[] not null default '{}',
  created_at timestamptz not null default clock_timestamp(),
  xid        xid8 not null default pg_current_xact_id()
)
partition by range (id);

-- The default partition takes the rows for which no other partition exists, so that an INSERT never fails for that.
create table watchpost_history.event_rest partition of watchpost.event default;

create index event_image on watchpost.event (image_id, id) where image_id is not null;
create index event_subject on watchpost.event (subject_id, topic);
-- The order in which events are sealed, and in which those who follow them get them.
create index event_sealing on watchpost.event (xid, id);
-- Those of a person, and those of the rarer topics: a frame and its faces, which are most events, have no entry.
create index event_person on watchpost.event ((payload ->> 'person_id'), id) where payload ->> 'person_id' is not null;
create index event_topic on watchpost.event (topic, id)
where topic not in ('image.received', 'face.detected', 'face.embedded', 'access.recorded');

comment on table  watchpost.event            is 'Something that happened: one row for each row that appeared. Append-only.';
comment on column watchpost.event.subject_id is 'The row that appeared.';
comment on column watchpost.event.image_id   is 'The photo it is about; no foreign key, because an event outlives its photo.';
comment on column watchpost.event.payload    is 'What a task needs to know; also the body of POST /v1/tasks/{task}.';
comment on column watchpost.event.tasks      is 'The tasks that were subscribed at that moment: each owes a handling.';
comment on column watchpost.event.xid        is 'The transaction that wrote it, plus server_timeline.xid_added. Below the oldest running transaction no event can be added any more, so those can be sealed.';

-- What events say about people. An event is sealed and kept, so it holds only the salted hash of this (payload ->>
-- 'content_sha256'); a row here can be deleted. No foreign key: it would keep partitions of event from being detached.
create table watchpost.event_content (
  event_id        uuid primary key,
  person_id       uuid not null,
  other_person_id uuid,
  salt            bytea not null check (octet_length(salt) = 32),
  content         jsonb not null check (jsonb_typeof(content) = 'object')
);

create index event_content_person on watchpost.event_content (person_id);
create index event_content_other_person on watchpost.event_content (other_person_id) where other_person_id is not null;

comment on table  watchpost.event_content                 is 'What an event says about a person, apart from the event, which has its hash: name, external_ref and metadata, and what was written about them. The view full_event has both together. Deleted by an erasure only.';
comment on column watchpost.event_content.person_id       is 'Whom it is about; no foreign key, because an event outlives its person.';
comment on column watchpost.event_content.other_person_id is 'The other person, of a merge.';
comment on column watchpost.event_content.salt            is 'Random, and deleted with the content: without it the hash shows nothing, not even to somebody who guesses the content.';
comment on column watchpost.event_content.content         is 'The keys of the payload that the event itself lacks.';


create table watchpost.outbox (
  task     text collate "C" not null,
  topic    text collate "C" not null,
  source   text collate "C" not null default '',
  event_id uuid not null,
  payload  jsonb not null,
  primary key (task, topic, source, event_id)
)
-- Rows are deleted within moments. Vacuum after a number of them, not after a share of a table that is mostly empty.
with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

comment on table  watchpost.outbox         is 'The queue: events that wait for a task. Written with the event; a row becomes part of a claim, or of a graphile-worker job.';
comment on column watchpost.outbox.source  is 'Whose photo it is: the key source of the event''s payload, or empty; again: the event was put back. Claims take turns between sources; within one they go by event_id.';
comment on column watchpost.outbox.payload is 'The event''s payload.';


-- A row a batch, not a row an event: claiming 500 events that nothing else is done with costs one INSERT and one DELETE.
create table watchpost.claim (
  id         uuid primary key default watchpost.uuidv7(),
  task       text not null,
  topic      text not null,
  events     uuid[] not null,
  attempts   smallint not null default 1,
  worker_id  uuid,
  claimed_at timestamptz not null default clock_timestamp()
)
with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- Those that wait for another worker.
create index claim_released on watchpost.claim (task, id) where worker_id is null;

comment on table  watchpost.claim            is 'Events that a worker is handling. Deleted in the transaction that writes their handlings.';
comment on column watchpost.claim.events     is 'Their keys; the outbox has them no more.';
comment on column watchpost.claim.attempts   is 'How often they have been claimed, this time included.';
comment on column watchpost.claim.worker_id  is 'Who has claimed them; null: released, because that worker stopped or died, and to be claimed again.';
comment on column watchpost.claim.claimed_at is 'When they were claimed, or released.';


-- Partitioned by its event's key, so that the unique index below can exist and a handling is dropped with its event.
create table watchpost.handling (
  id          uuid not null default watchpost.record_key(),
  event_id    uuid not null,
  task        text not null,
  outcome     text not null check (outcome in ('done', 'gone', 'refused', 'retry', 'failed', 'replayed')),
  attempt     smallint not null,
  worker_id   uuid,
  started_at  timestamptz not null,
  duration_ms real not null,
  code        text,
  error       text,
  created_at  timestamptz not null default clock_timestamp(),
  xid         xid8 not null default pg_current_xact_id(),
  -- Begins with the event, so the handlings of an event need no index of their own.
  primary key (event_id, id),
  constraint handling_code_check check ((outcome in ('done', 'replayed')) = (code is null)),
  constraint handling_error_check check ((code is null) = (error is null))
)
partition by range (event_id);

create table watchpost_history.handling_rest partition of watchpost.handling default;

-- The fence: a task is done with an event once, however often it is delivered.
create unique index handling_done on watchpost.handling (event_id, task) where outcome in ('done', 'gone');
create index handling_given_up on watchpost.handling (outcome, id) where outcome in ('failed', 'refused');
create index handling_sealing on watchpost.handling (xid, id);

comment on table  watchpost.handling             is 'What became of an event in a task, attempt by attempt. Written in the transaction of the task''s own rows. Append-only.';
comment on column watchpost.handling.outcome     is 'done; gone: what the event is about was deleted before, so nothing was left to do; refused: the input cannot be handled, as its code says, which is no failure of the system and is not tried again; retry: failed and will be tried again; failed: a dead letter, not tried again; replayed: put back to work by hand, so that the task owes a handling again.';
comment on column watchpost.handling.worker_id   is 'The process that did it.';
comment on column watchpost.handling.started_at  is 'When the task started on it.';
comment on column watchpost.handling.duration_ms is 'From the start until its rows were written.';
comment on column watchpost.handling.code        is 'Why it was refused or failed, or what is gone: a stable code.';
comment on column watchpost.handling.error       is 'The same in a sentence.';
comment on column watchpost.handling.xid         is 'The transaction that wrote it; see event.xid.';


create table watchpost.worker (
  id          uuid primary key default watchpost.uuidv7(),
  host        text not null,
  pid         integer not null,
  version     text not null,
  concurrency smallint not null,
  tasks       text[] not null default '{}',
  models      text[] not null default '{}',
  pools       text[] not null default '{}',
  started_at  timestamptz not null default clock_timestamp(),
  last_seen   timestamptz not null default clock_timestamp(),
  stopped_at  timestamptz,
  lost_at     timestamptz
);

comment on table  watchpost.worker             is 'A process that runs tasks, or serves the API.';
comment on column watchpost.worker.concurrency is 'Jobs at a time; 0: it only serves the API.';
comment on column watchpost.worker.tasks       is 'The tasks it runs.';
comment on column watchpost.worker.models      is 'The models it has loaded.';
comment on column watchpost.worker.pools       is 'The ids of its graphile-worker pools: what its jobs are locked by.';
comment on column watchpost.worker.last_seen   is 'Its latest heartbeat.';
comment on column watchpost.worker.stopped_at  is 'When it stopped in order; null: it runs, or died.';
comment on column watchpost.worker.lost_at     is 'When another worker noticed that its heartbeat was missing and released its jobs.';


create table watchpost.key_stream (
  id        uuid primary key default watchpost.uuidv7(),
  key_id    uuid not null references watchpost.api_key on delete cascade,
  worker_id uuid not null references watchpost.worker on delete cascade,
  opened_at timestamptz not null default clock_timestamp()
);

create index key_stream_key on watchpost.key_stream (key_id);
create index key_stream_worker on watchpost.key_stream (worker_id);

comment on table  watchpost.key_stream           is 'The streams that API keys have open. Rows of a process that has stopped or died do not count, and are removed at the next stream of their key.';
comment on column watchpost.key_stream.worker_id is 'The API process that serves it.';


create table watchpost.task_pause (
  task      text primary key constraint task_pause_task_is_token check (watchpost.is_token(task)),
  paused_at timestamptz not null default now() constraint task_pause_paused_at_is_time check (watchpost.is_time(paused_at)),
  paused_by text not null default watchpost.actor() constraint task_pause_paused_by_is_token check (watchpost.is_token(paused_by))
);

comment on table  watchpost.task_pause           is 'Tasks of which no worker claims an event or takes a job now. Their events and jobs wait, and no attempt is used.';
comment on column watchpost.task_pause.paused_by is 'Who paused it: watchpost.actor().';


create table watchpost.server_timeline (
  identity  text not null,
  timeline  text not null,
  xid_added bigint not null default 0 check (xid_added >= 0),
  seen_at   timestamptz not null default clock_timestamp(),
  primary key (identity, timeline)
);

comment on table  watchpost.server_timeline           is 'The servers and timelines on which this database was found, the latest is where it is now. A second row: a replica was promoted, or the database was restored from a dump, copied or moved.';
comment on column watchpost.server_timeline.identity  is 'database_identity(): another one after a restore, a copy or a move.';
comment on column watchpost.server_timeline.timeline  is 'Of the WAL, eight hex digits: another one after a promotion.';
comment on column watchpost.server_timeline.xid_added is 'What the record adds to this server''s transaction ids, so that event.xid, handling.xid and alert.xid never go back.';
comment on column watchpost.server_timeline.seen_at   is 'When it was found first.';


create table watchpost.upkeep_task (
  task        text primary key,
  every       interval not null check (every >= '1 second'),
  last_run    timestamptz,
  took_ms     real,
  last_result text,
  last_error  text
);

comment on table  watchpost.upkeep_task             is 'What is done at intervals, each time by one of the workers.';
comment on column watchpost.upkeep_task.every       is 'The least time between two runs.';
comment on column watchpost.upkeep_task.last_run    is 'When it was last done, or tried.';
comment on column watchpost.upkeep_task.last_result is 'What it did, in words.';
comment on column watchpost.upkeep_task.last_error  is 'Why it failed the last time; null: it did not.';

insert into watchpost.upkeep_task (task, every) values
  ('statistics', '5 seconds'),
  ('seal',       '10 seconds'),
  ('alarms',     '15 seconds'),
  ('events',     '1 minute'),
  ('strangers',  '60 seconds'),
  ('people',     '1 minute'),
  ('keys',       '1 minute'),
  ('heads',      '1 hour'),
  ('partitions', '1 hour'),
  ('retention',  '1 hour'),
  ('answers',    '10 minutes'),
  ('purge_images',  '10 minutes'),
  ('purge_faces',   '10 minutes'),
  ('purge_persons', '1 hour');


create table watchpost.idempotency (
  actor      text not null,
  key        text not null constraint idempotency_key_is_token check (watchpost.is_token(key)),
  sha256     bytea not null check (octet_length(sha256) = 32),
  status     smallint check (status between 200 and 299),
  answer     text,
  location   text,
  expires_at timestamptz not null default now() + interval '24 hours',
  primary key (actor, key)
);

-- The answers about somebody who is deleted.
create index idempotency_location on watchpost.idempotency (location);

comment on table  watchpost.idempotency            is 'Calls of the API that carried an Idempotency-Key, with their answers; POST /v1/images keeps its keys in image.idempotency_key.';
comment on column watchpost.idempotency.actor      is 'Who called: the same key of another caller is another one.';
comment on column watchpost.idempotency.sha256     is 'Of method, address and body.';
comment on column watchpost.idempotency.status     is 'Of the answer; null only within the transaction of the call.';
comment on column watchpost.idempotency.answer     is 'The body of the answer; null: it had a secret.';
comment on column watchpost.idempotency.location   is 'The header Location of the answer.';
comment on column watchpost.idempotency.expires_at is 'When the key may be used for another call.';
