-- Items that were given up, and the way back.

create or replace view watchpost.dead_letter as
select
  h.id,
  h.event_id,
  e.topic,
  h.task,
  e.image_id,
  h.code,
  h.error,
  h.attempt as attempts,
  h.worker_id,
  h.created_at as died_at,
  e.payload
from watchpost.handling as h
join watchpost.event as e on e.id = h.event_id
where h.outcome = 'failed'
  and not exists (
    select
    from watchpost.handling as later
    where later.event_id = h.event_id
      and later.task = h.task
      and (later.outcome in ('done', 'gone') or (later.outcome in ('failed', 'replayed') and later.id > h.id))
  );

comment on view watchpost.dead_letter is 'Events that a task has given up on: why, after how many attempts, and the payload. replay(id) puts one back.';


create or replace function watchpost.replay(dead_letter uuid) returns boolean
language plpgsql
as $$
declare
  letter record;
begin
  select d.event_id, d.task into letter
  from watchpost.dead_letter as d
  where d.id = dead_letter;
  if not found then
    if exists (select from watchpost.handling as h where h.id = dead_letter and h.outcome = 'failed') then
      return false;
    end if;
    raise exception 'There is no dead letter %.', dead_letter
      using errcode = 'WP007', hint = 'select id, task, code, error from watchpost.dead_letter lists them.';
  end if;

  -- Two replays of one letter at the same moment: the second meets the first one's outbox row.
  if watchpost.enqueue(array[letter.event_id], letter.task) = 0 then
    return false;
  end if;
  insert into watchpost.handling (event_id, task, outcome, attempt, started_at, duration_ms)
  values (letter.event_id, letter.task, 'replayed', 0, clock_timestamp(), 0);
  return true;
end;
$$;

comment on function watchpost.replay(uuid) is 'Puts a dead letter back to work; false if it was put back or done already.';
