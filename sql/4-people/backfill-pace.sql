-- How much of the past a batch of a backfill searches at a time, and in how many sessions.

-- While photos arrive, a batch is small and followed by a pause, because a search of the past takes a core from live
-- faces.
create or replace function watchpost.is_live(quiet interval) returns boolean
language plpgsql stable
as $$
begin
  return exists (
    select from watchpost.image as i where i.id > watchpost.uuidv7_at(now() - quiet) and i.purpose = 'probe'
  );
end;
$$;

comment on function watchpost.is_live(interval) is 'Whether a probe arrived within this interval before now.';


-- While no photos arrive, two sessions search one half of a batch each. A parallel query would not help: a new process
-- maps all the memory that it reads, 1.2 s of CPU for a million faces, which it reads in 0.45. The middle is taken from
-- the planner's statistics, as counting a million keys takes 0.06 s.
create or replace function watchpost.middle_of_past(
  backfill uuid, below uuid, scan integer, at_least integer, quiet interval
) returns uuid
language plpgsql stable
as $$
declare
  bounds uuid[];
  faces_each real;
  halved integer;
begin
  if not exists (
      select
      from watchpost.backfill as b
      -- For somebody who is seen often a batch is full before its middle.
      where b.id = backfill and b.reason in ('enrolled', 'listed') and b.found < 200
    )
    or watchpost.is_live(quiet)
  then
    return null;
  end if;
  select s.histogram_bounds::text::uuid[], c.reltuples / nullif(cardinality(s.histogram_bounds::text::uuid[]) - 1, 0)
  into bounds, faces_each
  from pg_stats as s
  join pg_class as c on c.oid = 'watchpost.embedding'::regclass and c.reltuples >= at_least
  where s.schemaname = 'watchpost' and s.tablename = 'embedding' and s.attname = 'id';
  bounds := array(select b from unnest(bounds) as b where below is null or b < below order by b);
  halved := least(cardinality(bounds) / 2, floor(scan / 2 / faces_each));
  return bounds[cardinality(bounds) - halved];
end;
$$;

comment on function watchpost.middle_of_past is 'A key near the middle of the next scan embeddings below a cursor. Null if there are fewer than at_least embeddings in all, or if a probe arrived within the interval quiet.';
