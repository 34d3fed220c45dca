-- How a worker goes on with what it has found: the next step is a job that it has locked already.

-- What a worker has written with the setting watchpost.hand_over as a JSON object was locked for it then: see fill_outbox.
-- The job before is done by then. That it is gone need not be on disk at once: after a crash it is found again, and its
-- items are found done. Every round trip counts here: a photo makes three of these on its way to an alert.
create or replace function watchpost.take_up(keys text[], finished bigint default null) returns table (
  id bigint, task text, attempts smallint, max_attempts smallint, payload json
)
language plpgsql
as $$
begin
  if finished is not null then
    perform set_config('synchronous_commit', 'off', true);
    delete from graphile_worker._private_jobs as j where j.id = finished;
  end if;
  return query
  select j.id, t.identifier, j.attempts, j.max_attempts, j.payload
  from graphile_worker._private_jobs as j
  join graphile_worker._private_tasks as t on t.id = j.task_id
  where j.key = any (keys)
  order by j.priority, j.id;
end;
$$;

comment on function watchpost.take_up(text[], bigint) is 'The jobs that a worker has locked for itself as it wrote what they are for, by their keys; finished: the one that is done and goes.';


-- As graphile-worker does it with a job that fails.
create or replace function watchpost.give_back(job bigint, items json, error text) returns void
language plpgsql
as $$
begin
  update graphile_worker._private_jobs as j
  set payload = items,
      last_error = error,
      run_at = now() + exp(least(j.attempts, 10)) * interval '1 second',
      locked_at = null,
      locked_by = null,
      updated_at = now()
  where j.id = job;
end;
$$;

comment on function watchpost.give_back(bigint, json, text) is 'Gives back a job that was taken up, for those of its items that are to be tried again later.';
