-- How a claim is given up without being handled.

-- Skips a claim whose row is locked: fence() is deleting it, in a transaction that may wait for others.
create or replace function watchpost.release_claims(workers uuid[], older_than interval default '0', but uuid[] default '{}') returns integer
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
      and h.claimed_at <= clock_timestamp() - older_than
      and h.id <> all (but)
    for update skip locked
  );
  get diagnostics released = row_count;
  return released;
end;
$$;

comment on function watchpost.release_claims is 'Lets other workers have what these have claimed, but for some claims; returns how many were released.';


create or replace function watchpost.hand_back_claims(worker uuid, claims uuid[]) returns void
language sql
begin atomic
  update watchpost.claim as c
  set worker_id = null, claimed_at = clock_timestamp(), attempts = c.attempts - 1
  where c.id = any (claims) and c.worker_id = worker;
end;

comment on function watchpost.hand_back_claims(uuid, uuid[]) is 'Lets other workers have claims that were not begun; no attempt is used up.';
