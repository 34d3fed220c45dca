-- How an event comes into the outbox: the table event has one statement-level AFTER INSERT trigger. Never a trigger for
-- each row that adds a job (10,000 rows: 6.8 s, against 0.16 s), and no NOTIFY here: it takes a lock on the whole
-- database at commit (16 clients inserting single rows: 2,050 rows/s with it, 19,900 without).

-- In plpgsql, whose plan a session keeps: as an SQL function it was parsed and planned for every statement that writes an
-- event (a single-row INSERT: 540 us, so 425).
create or replace function watchpost.subscribers(of_topic text) returns text[]
language plpgsql stable
as $$
begin
  return (
    select coalesce(array_agg(s.task order by s.task), '{}')
    from watchpost.subscription as s
    where s.topic = of_topic and s.enabled
  );
end;
$$;

comment on function watchpost.subscribers(text) is 'The tasks that consume a topic now.';

-- unnest() in the list of what is selected: as a join it kept a store of its own for each event (a single-row INSERT: 5 us
-- of 74).
--
-- A process of ours may ask, by the setting watchpost.hand_over, for more than outbox rows of what it writes:
--
--   on            its events become jobs in the transaction that writes them. It asks seldom: of the NOTIFY all that commit
--                 at that moment wait for each other.
--   a JSON object {"pool", "key", "tasks"}: what falls to these tasks and is urgent (a priority below 0) is a job that this
--                 pool of the process has locked already, and finds by its key (take_up). So whoever has found a face
--                 goes on with it: nothing is relayed, nobody is woken, no job is looked for. What is more than four
--                 batches is left to the relay, as it is work for several.
create or replace function watchpost.fill_outbox() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  asked text := nullif(current_setting('watchpost.hand_over', true), '');
  own tid[];
  taker jsonb;
begin
  if asked is null or asked = 'off' then
    insert into watchpost.outbox (event_id, task, topic, image_id, payload)
    select e.id, unnest(e.tasks), e.topic, e.image_id, e.payload
    from new_rows as e;

  elsif asked = 'on' then
    with written as (
      insert into watchpost.outbox (event_id, task, topic, image_id, payload)
      select e.id, unnest(e.tasks), e.topic, e.image_id, e.payload
      from new_rows as e
      returning ctid
    )
    select array_agg(w.ctid) into own from written as w;
    if own is not null then
      perform watchpost.hand_over(own);
    end if;

  else
    taker := asked::jsonb;
    with due as materialized (
      select e.id, unnest(e.tasks) as task, e.topic, e.image_id, e.payload
      from new_rows as e
    ),
    taken as (
      insert into graphile_worker._private_jobs
        (task_id, payload, priority, max_attempts, key, flags, attempts, locked_at, locked_by)
      select
        k.id, json_agg(watchpost.job_item(d.id, d.payload) order by d.id), min(s.priority), min(s.max_attempts),
        (taker ->> 'key') || d.task, jsonb_build_object(d.task, true), 1, now(), taker ->> 'pool'
      from due as d
      join watchpost.subscription as s
        on s.topic = d.topic and s.task = d.task and s.queue_by is null and s.priority < 0
      join graphile_worker._private_tasks as k on k.identifier = d.task
      where taker -> 'tasks' ? d.task
      group by d.task, k.id
      having count(*) <= 4 * min(s.batch_size)
      on conflict (key) do nothing
      returning key
    )
    insert into watchpost.outbox (event_id, task, topic, image_id, payload)
    select d.id, d.task, d.topic, d.image_id, d.payload
    from due as d
    where not exists (select from taken as t where t.key = (taker ->> 'key') || d.task);
  end if;
  return null;
end;
$$;

comment on function watchpost.fill_outbox() is 'One outbox row for each new event and each of its tasks; where the setting watchpost.hand_over asks for it, a job at once.';

create or replace trigger event_fill_outbox after insert on watchpost.event
referencing new table as new_rows
for each statement execute function watchpost.fill_outbox();
