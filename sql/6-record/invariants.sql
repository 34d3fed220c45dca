-- What must hold at every moment: "watchpost doctor" prints what does not.

create or replace function watchpost.find_violations(
  from_key uuid default '00000000-0000-0000-0000-000000000000'
) returns table (rule text, subject text, finding text, remedy text)
-- In plpgsql, whose statements are planned with the key: partitions before it are not even planned for. jit = off, because
-- the estimated cost of reading every partition is high enough to have the plans compiled, which takes seconds.
--
-- With its owner's rights, because it compares vectors, which those who may ask it do not read; nothing is found by those
-- who do not see all sites, to whom everything would seem to be missing.
language plpgsql stable security definer set search_path = pg_catalog, pg_temp set jit = off
as $$
begin
  if not watchpost.sees_all() then
    return;
  end if;
  return query select v.* from watchpost.find_lost_results(from_key) as v;
  return query select v.* from watchpost.find_wrong_queue(from_key) as v;
  return query select v.* from watchpost.find_wrong_matches(from_key) as v;
  return query select v.* from watchpost.find_wrong_tracks(from_key) as v;
  return query select v.* from watchpost.find_wrong_people(from_key) as v;
end;
$$;

comment on function watchpost.find_violations(uuid) is 'For those who see all sites: what is wrong with the rows from this key on (default: all, which reads every table), and with what waits, however old; empty when nothing is. "watchpost doctor --full" prints it.';


create or replace view watchpost.invariant with (security_invoker = true) as
select v.rule, v.subject, v.finding, v.remedy
from watchpost.find_violations(watchpost.uuidv7_at(now() - interval '1 day')) as v;

comment on view   watchpost.invariant         is 'What is wrong with the rows of the last day, and with what waits, however old; and what to do about it. Empty when nothing is. find_violations() checks all rows.';
comment on column watchpost.invariant.rule    is 'A stable name of what must hold.';
comment on column watchpost.invariant.subject is 'The row that violates it.';
