-- Events that owe a handling and wait nowhere. That should never happen, and does after a failover that has lost
-- transactions, after a restore without jobs or outbox, or after a DELETE by hand.

-- Only for tasks that workers run: a consumer that is not ours records no handlings.
create or replace function watchpost.missing_work(from_key uuid, until_key uuid) returns table (event_id uuid, task text)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  with owed as (
    select e.id, t.task
    from watchpost.event as e
    cross join unnest(e.tasks) as t (task)
    where e.id >= from_key and e.id < until_key
      and (select watchpost.sees_all())
      and t.task in (select unnest(w.tasks) from watchpost.worker as w)
      -- The bounds again, so that no other partition of handling is read.
      and not exists (
        select
        from watchpost.ended_task as d
        where d.event_id = e.id and d.task = t.task and d.event_id >= from_key and d.event_id < until_key
      )
  )
  select w.id, w.task
  from owed as w
  where not exists (select from watchpost.outbox as o where o.event_id = w.id and o.task = w.task)
    and not exists (select from watchpost.claim as c where w.id = any (c.events) and c.task = w.task)
    and not exists (select from watchpost.list_job_items() as j where j.event_id = w.id and j.task = w.task);
end;
$$;

comment on function watchpost.missing_work is 'Events between two keys that owe a handling to a task, and of which there is neither an outbox row nor a claim or a job.';


-- An event is examined once it is ten minutes old, and for half an hour. For an hour after a promotion or a restore all
-- events of the last day are, as soon as they are ten seconds old; after a restore that is the last day before the dump.
create or replace function watchpost.put_back_events() returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  arrived boolean;
  dumped_at timestamptz;
  put_back integer;
begin
  perform watchpost.note_server();
  select count(*) > 1 and max(t.seen_at) > now() - interval '1 hour' into arrived from watchpost.server_timeline as t;
  if arrived then
    select s.sealed_at into dumped_at
    from watchpost.seal as r
    join watchpost.seal as s on s.number = r.number - 1
    where r.kind = 'restored' and r.sealed_at > now() - interval '1 hour'
    order by r.number
    limit 1;
  end if;

  select coalesce(sum(watchpost.enqueue(m.events, m.task)), 0) into put_back
  from (
    select w.task, array_agg(w.event_id) as events
    from watchpost.missing_work(
      watchpost.uuidv7_at(
        case when arrived then least(now(), dumped_at) - interval '1 day' else now() - interval '40 minutes' end
      ),
      watchpost.uuidv7_at(now() - case when arrived then interval '10 seconds' else interval '10 minutes' end)
    ) as w
    group by w.task
  ) as m;
  return format('%s events put back', put_back);
end;
$$;

comment on function watchpost.put_back_events() is 'Puts events that owe a handling and wait nowhere into the outbox again.';
