-- The alerts of two people who become one: where both have an episode at one place and time, it is one alert.

-- The alert that goes on is the one that was decided furthest, so that a decision is not hidden, and one that is open
-- rather than one that was dismissed. Its reviews and those of the others stay where they are.
create or replace function watchpost.join_alerts(merge watchpost.person_merge) returns void
language plpgsql
as $$
declare
  one record;
  grown tstzrange;
  members uuid[];
  seen integer;
  met uuid[] := '{}';
  absorbed uuid[] := '{}';
  into_alerts uuid[] := '{}';
begin
  for one in
    select a.id, a.watchlist_id, a.place, a.retroactive, a.episode
    from watchpost.alert as a
    where a.person_id = merge.merged_id
      and a.withdrawn_at is null
      and exists (
        select
        from watchpost.alert as k
        where k.person_id = merge.kept_id
          and (k.watchlist_id, k.place, k.retroactive) = (a.watchlist_id, a.place, a.retroactive)
          and k.withdrawn_at is null
          and k.episode && a.episode
      )
    order by a.first_seen, a.id
  loop
    continue when one.id = any (met);
    grown := one.episode;
    members := '{}';
    -- Two episodes that become one can reach a third.
    loop
      seen := cardinality(members);
      select
        tstzrange(min(a.first_seen), max(a.last_seen) + max(a.cooldown), '[]'),
        array_agg(
          a.id
          order by array_position('{confirmed,acknowledged,open,dismissed}'::text[], a.state), a.first_seen, a.id
        )
      into grown, members
      from watchpost.alert as a
      where a.person_id in (merge.kept_id, merge.merged_id)
        and (a.watchlist_id, a.place, a.retroactive) = (one.watchlist_id, one.place, one.retroactive)
        and a.withdrawn_at is null
        and a.episode && grown;
      exit when cardinality(members) = seen;
    end loop;
    met := met || members;
    absorbed := absorbed || members[2:];
    into_alerts := into_alerts || array_fill(members[1], array[cardinality(members) - 1]);
  end loop;
  if absorbed <> '{}' then
    perform watchpost.absorb_noted(merge, absorbed, into_alerts);
  end if;
end;
$$;

comment on function watchpost.join_alerts is 'Part of merge_persons: merges alerts of the two that are of one episode now.';


create or replace function watchpost.absorb_noted(
  merge watchpost.person_merge, absorbed uuid[], into_alerts uuid[]
) returns void
language plpgsql
as $$
begin
  perform watchpost.note_rows(merge, 'alert', absorbed || into_alerts);
  insert into watchpost.person_merge_row (merge_id, relation, row_id, was, became)
  select
    merge.id, 'alert_match', am.match_id,
    jsonb_build_object('alert_id', am.alert_id), jsonb_build_object('alert_id', p.into_alert)
  from unnest(absorbed, into_alerts) as p (alert_id, into_alert)
  join watchpost.alert_match as am on am.alert_id = p.alert_id;
  perform watchpost.absorb_alerts(absorbed, into_alerts);
end;
$$;

comment on function watchpost.absorb_noted is 'Part of merge_persons: absorb_alerts, with every row that it changes noted.';
