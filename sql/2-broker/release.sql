-- How a claim is given up without being handled, and claimed again. Each function skips a claim whose row is locked:
-- fence() is deleting it, in a transaction that may wait for others.

create or replace function watchpost.release_claims(workers uuid[], claims uuid[] default null) returns integer
language plpgsql
as $$
declare
  released integer;
begin
  update watchpost.claim as c
  set worker_id = null, claimed_at = clock_timestamp()
  where c.id in (
    select h.id
    from watchpost.claim as h
    where h.worker_id = any (workers)
      and (claims is null or h.id = any (claims))
    for update skip locked
  );
  get diagnostics released = row_count;
  return released;
end;
$$;

comment on function watchpost.release_claims is 'Lets other workers have what these have claimed, or only some of it; returns how many claims. Each has used up an attempt.';


create or replace function watchpost.hand_back_claims(worker uuid, claims uuid[]) returns void
language sql
begin atomic
  update watchpost.claim as c
  set worker_id = null, claimed_at = clock_timestamp(), attempts = c.attempts - 1
  where c.id in (
    select h.id
    from watchpost.claim as h
    where h.id = any (claims) and h.worker_id = worker
    for update skip locked
  );
end;

comment on function watchpost.hand_back_claims(uuid, uuid[]) is 'Lets other workers have claims that were not begun; no attempt is used up.';


create or replace function watchpost.hand_back_unanswered(worker uuid, older_than interval, known uuid[]) returns void
language plpgsql
as $$
begin
  perform watchpost.hand_back_claims(worker, array(
    select c.id
    from watchpost.claim as c
    where c.worker_id = worker
      and c.claimed_at <= clock_timestamp() - older_than
      and c.id <> all (known)
  ));
end;
$$;

comment on function watchpost.hand_back_unanswered is 'Hands back the claims of a worker that it does not know of: the answer was lost.';


-- What other workers have released, as rows of claim(). A claim that was begun before may be what has taken its worker
-- down, so a worker has one of those at a time, and the others do not share its fate.
create or replace function watchpost.claim_released(worker uuid, tasks text[], max_batches integer) returns table (
  id uuid, task text, topic text, items json, attempts smallint, max_attempts smallint, source text
)
language plpgsql rows 1
as $$
begin
  return query
  with again as (
    update watchpost.claim as c
    set worker_id = worker, claimed_at = clock_timestamp(), attempts = c.attempts + 1
    where c.id in (
      select r.id
      from watchpost.claim as r
      where r.worker_id is null and r.task = any (tasks)
        and (r.attempts = 0 or r.id = watchpost.next_begun(worker, tasks))
        and not exists (select from watchpost.task_pause as p where p.task = r.task)
      order by r.events[1]
      limit max_batches
      for update skip locked
    )
    returning c.id, c.task, c.topic, c.events, c.attempts
  )
  select
    a.id, a.task, a.topic, watchpost.items_of(a.events), a.attempts,
    coalesce(s.max_attempts, watchpost.default_attempts()), ''
  from again as a
  left join watchpost.subscription as s on s.task = a.task and s.topic = a.topic
  order by a.events[1];
end;
$$;

comment on function watchpost.claim_released is 'Claims what was released.';


create or replace function watchpost.next_begun(worker uuid, tasks text[]) returns uuid
language plpgsql stable
as $$
begin
  return (
    select r.id
    from watchpost.claim as r
    where r.worker_id is null and r.attempts > 0 and r.task = any (tasks)
      and not exists (select from watchpost.task_pause as p where p.task = r.task)
      and not exists (select from watchpost.claim as own where own.worker_id = worker and own.attempts > 1)
    order by r.events[1]
    limit 1
  );
end;
$$;

comment on function watchpost.next_begun is 'The oldest released claim that was begun before; null: there is none, or the worker has one in hand.';
