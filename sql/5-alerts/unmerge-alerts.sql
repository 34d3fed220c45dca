-- What becomes of the alerts of two people whose merge is undone.

-- First those whose figures shrink, then those that stand again, so that no two of one person overlap in between. One that
-- was extended since is counted again instead.
create or replace function watchpost.give_back_alerts(merge watchpost.person_merge) returns void
language plpgsql
as $$
declare
  noted constant uuid[] := array(
    select n.row_id from watchpost.person_merge_row as n where n.merge_id = merge.id and n.relation = 'alert'
  );
  given_from uuid[];
  restored uuid[];
  again record;
begin
  with moved as (
    update watchpost.alert_match as am
    set alert_id = a.id
    from watchpost.person_merge_row as n
    join watchpost.alert as a on a.id = (n.was ->> 'alert_id')::uuid
    join watchpost.alert_match as o on o.match_id = n.row_id
    where n.merge_id = merge.id and n.relation = 'alert_match' and am.match_id = n.row_id
    returning o.alert_id
  )
  select coalesce(array_agg(distinct m.alert_id), '{}') into given_from from moved as m;
  perform watchpost.give_back_rows(merge, 'alert');

  with unchanged as (
    update watchpost.alert as a
    set (sightings, first_seen, last_seen, camera_id, best_match_id, similarity) = (
      select w.sightings, w.first_seen, w.last_seen, w.camera_id, w.best_match_id, w.similarity
      from jsonb_populate_record(a, n.was) as w
    )
    from watchpost.person_merge_row as n
    where n.merge_id = merge.id and n.relation = 'alert' and a.id = n.row_id
      and a.withdrawn_at is null
      and n.was ? 'sightings'
      and to_jsonb(a) @> n.became - 'person_id'::text
    returning a.id
  )
  select coalesce(array_agg(u.id), '{}') into restored from unchanged as u;

  for again in
    select a.id, n.was
    from watchpost.person_merge_row as n
    join watchpost.alert as a on a.id = n.row_id and a.withdrawn_at is not null
    where n.merge_id = merge.id and n.relation = 'alert' and n.was ? 'withdrawn_at'
      and exists (
        select
        from watchpost.alert_match as am
        join watchpost.match as m on m.id = am.match_id and m.superseded_at is null
        where am.alert_id = a.id
      )
    order by a.first_seen, a.id
  loop
    perform watchpost.let_stand_again(again.id, again.was);
  end loop;
  perform watchpost.recount_alerts(array(
    select a.id
    from watchpost.alert as a
    cross join lateral (
      select count(m.id) as matches
      from watchpost.alert_match as am
      join watchpost.match as m on m.id = am.match_id and m.superseded_at is null
      where am.alert_id = a.id
    ) as n
    where a.id = any (noted || given_from)
      and a.id <> all (restored)
      and a.withdrawn_at is null
      and (n.matches <> a.sightings or a.id = any (given_from))
  ));
  perform watchpost.withdraw_strayed(merge);
end;
$$;

comment on function watchpost.give_back_alerts is 'Part of unmerge_persons: gives back alerts, the matches that moved between them, and their figures.';


-- An alert that was raised since at the same place and time becomes part of it.
create or replace function watchpost.let_stand_again(alert uuid, was jsonb) returns void
language plpgsql
as $$
declare
  raised_since uuid[] := array(
    select b.id
    from watchpost.alert as a
    join watchpost.alert as b
      on (b.person_id, b.watchlist_id, b.place, b.retroactive) = (a.person_id, a.watchlist_id, a.place, a.retroactive)
        and b.id <> a.id and b.withdrawn_at is null and b.episode && a.episode
    where a.id = alert
  );
begin
  if raised_since <> '{}' then
    perform watchpost.merge_alerts(alert, raised_since);
  end if;
  update watchpost.alert as a
  set (withdrawn_at, merged_into, sightings, first_seen, last_seen, camera_id, best_match_id, similarity) = (
    select w.withdrawn_at, w.merged_into, w.sightings, w.first_seen, w.last_seen, w.camera_id, w.best_match_id, w.similarity
    from jsonb_populate_record(a, let_stand_again.was) as w
  )
  where a.id = alert;
end;
$$;

comment on function watchpost.let_stand_again is 'Part of give_back_alerts: an alert that the merge has withdrawn stands again, as it was.';


-- A sighting that went since into an alert of the other, or came there when two alerts became one.
create or replace function watchpost.withdraw_strayed(merge watchpost.person_merge) returns void
language plpgsql
as $$
begin
  perform watchpost.supersede_matches(
    array(
      select m.id
      from watchpost.alert as a
      join watchpost.alert_match as am on am.alert_id = a.id
      join watchpost.match as m on m.id = am.match_id and m.superseded_at is null
      where (a.person_id, m.person_id) in ((merge.kept_id, merge.merged_id), (merge.merged_id, merge.kept_id))
    ),
    'unmerged'
  );
end;
$$;

comment on function watchpost.withdraw_strayed is 'Part of give_back_alerts: withdraws matches of one of the two that are in an alert of the other; their photos are searched again.';
