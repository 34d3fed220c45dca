-- Items that were given up or refused, and the way back.

-- What came last of an event in a task, unless that was the end of it.
create or replace view watchpost.given_up with (security_invoker = true) as
select
  h.id,
  h.event_id,
  e.topic,
  h.task,
  e.image_id,
  h.outcome,
  h.code,
  h.error,
  h.attempt as attempts,
  h.worker_id,
  h.created_at,
  e.payload
from watchpost.handling as h
join watchpost.event as e on e.id = h.event_id
where h.outcome in ('failed', 'refused')
  and not exists (
    select
    from watchpost.handling as later
    where later.event_id = h.event_id
      and later.task = h.task
      and (later.outcome in ('done', 'gone') or (later.outcome in ('failed', 'refused', 'replayed') and later.id > h.id))
    -- Letter by letter: as a join it would read all handlings, for a page of a hundred letters too.
    offset 0
  );

comment on view watchpost.given_up is 'Dead letters and refusals.';


create or replace view watchpost.dead_letter with (security_invoker = true) as
select g.id, g.event_id, g.topic, g.task, g.image_id, g.code, g.error, g.attempts, g.worker_id, g.created_at as died_at, g.payload
from watchpost.given_up as g
where g.outcome = 'failed';

comment on view watchpost.dead_letter is 'Events that a task has given up on: why, after how many attempts, and the payload. replay(id) puts one back.';


create or replace view watchpost.refusal with (security_invoker = true) as
select g.id, g.event_id, g.topic, g.task, g.image_id, g.code, g.error, g.created_at as refused_at, g.payload
from watchpost.given_up as g
where g.outcome = 'refused';

comment on view watchpost.refusal is 'Events whose input cannot be handled, such as photos that cannot be decoded or that enrol nobody: an answer about the input, and no failure of the system. replay(id) puts one back.';


create or replace function watchpost.replay(dead_letter uuid) returns boolean
language plpgsql
as $$
declare
  letter record;
begin
  select g.event_id, g.task into letter
  from watchpost.given_up as g
  where g.id = dead_letter;
  if not found then
    if exists (
      select from watchpost.handling as h where h.id = dead_letter and h.outcome in ('failed', 'refused')
    ) then
      return false;
    end if;
    raise exception 'There is no dead letter %.', dead_letter
      using errcode = 'WP007', hint = 'select id, task, outcome, code, error from watchpost.given_up lists them, with what was refused.';
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

comment on function watchpost.replay(uuid) is 'Puts a dead letter or a refusal back to work; false if it was put back or done already.';
