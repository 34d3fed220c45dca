-- What it takes to survive dead workers, failing items and too much work.

alter table watchpost.worker
  add column tasks   text[] not null default '{}',
  add column lost_at timestamptz;

comment on column watchpost.worker.tasks   is 'The tasks it runs.';
comment on column watchpost.worker.lost_at is 'When another worker found its heartbeat missing and released its jobs.';


-- replayed puts an event back to work: its task owes a handling again.
alter table watchpost.handling
  drop constraint handling_outcome_check,
  add constraint handling_outcome_check check (outcome in ('done', 'retry', 'failed', 'replayed')),
  drop constraint handling_check,
  add constraint handling_code_check check ((outcome in ('done', 'replayed')) = (code is null));

comment on column watchpost.handling.outcome is 'done; retry: failed and will be tried again; failed: a dead letter, not tried again; replayed: put back to work by hand.';


create table watchpost.task_pause (
  task      text primary key,
  paused_at timestamptz not null default now(),
  paused_by text not null default session_user
);

comment on table watchpost.task_pause is 'Tasks that no worker takes up now. Their jobs wait and lose nothing.';
