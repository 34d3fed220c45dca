-- How a claim is given up without being handled. Each function skips a claim whose row is locked: fence() is deleting it,
-- in a transaction that may wait for others.

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
