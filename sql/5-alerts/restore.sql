-- Restoring what a cannot_link had withdrawn, once it is deleted: the same matches in the same alerts, as if it had never
-- been there. Otherwise the backfill would find the faces anew, and raise retroactive alerts beside the withdrawn ones.
--
-- emits match.restored; recount_alerts emits alert.restored

-- A match is restorable if only a cannot_link was in its way: its reference stands, every search of the face since then
-- has said that the person is ruled out or has found somebody less alike, and no other cannot_link rules them out. What
-- somebody has decided since then stands: a face of an alert that was reviewed is not given to another person. A review from
-- before the face came to that alert is no decision about the face.
create or replace function watchpost.restorable_matches(person uuid, faces uuid[]) returns table (
  match_id uuid, search_id uuid, embedding_id uuid, face_id uuid, image_id uuid
)
language plpgsql stable
as $$
begin
  return query
  with past as (
    select
      m.id, m.search_id, m.similarity, m.face_id, m.image_id, e.id as embedding_id, e.model_id,
      coalesce(t.vector, e.vector) as vector
    from watchpost.match as m
    -- Not while the person is being deleted.
    join watchpost.person as p on p.id = m.person_id
    join watchpost.reference as r on r.id = m.reference_id and r.superseded_at is null
    join watchpost.embedding as e on e.face_id = m.face_id and e.model_id = r.model_id and e.superseded_at is null
    left join watchpost.track as t on t.face_id = m.face_id and t.model_id = e.model_id
    where m.person_id = restorable_matches.person
      and m.face_id = any (restorable_matches.faces)
      and m.superseded_because in ('cannot_link', 'backfill')
  ),
  freed as (
    select p.*, first_value(p.face_id) over (partition by p.image_id order by p.similarity desc, p.face_id) as best
    from past as p
    cross join lateral (
      select
        bool_or(s.outcome = 'cannot_link' and s.person_id = restorable_matches.person) as ruled_out,
        bool_and(
          s.outcome = 'cannot_link' and s.person_id = restorable_matches.person
          or s.outcome = 'match' and s.person_id <> restorable_matches.person and s.similarity < p.similarity
        ) as nothing_else
      from watchpost.search as s
      where s.embedding_id = p.embedding_id and s.id > p.search_id
    ) as since
    where since.ruled_out
      and since.nothing_else
      and not watchpost.is_ruled_out(restorable_matches.person, p.face_id, p.model_id, p.vector, p.similarity)
  )
  select f.id, f.search_id, f.embedding_id, f.face_id, f.image_id
  from freed as f
  where f.face_id = f.best
    and not exists (
      select
      from watchpost.match as rival
      left join watchpost.alert_match as am on am.match_id = rival.id
      left join watchpost.alert as a on a.id = am.alert_id
      where rival.image_id = f.image_id
        and rival.superseded_at is null
        and (rival.face_id = f.face_id or rival.person_id = restorable_matches.person)
        and (
          a.state <> 'open' and exists (
            select
            from watchpost.alert_review as v
            where v.alert_id = a.id
              and v.created_at >= rival.created_at
              and v.decision <> 'undone'
              and not exists (select from watchpost.alert_review as u where u.undoes = v.id)
          )
          -- As rank_searches ranks them.
          or rival.face_id <> f.face_id and (rival.similarity, f.face_id) > (f.similarity, rival.face_id)
        )
    );
end;
$$;

comment on function watchpost.restorable_matches is 'The withdrawn matches of a person and some faces that only a cannot_link was in the way of, which is deleted.';


create or replace function watchpost.restore_matches(person uuid, faces uuid[] default null) returns void
language plpgsql
as $$
declare
  photos uuid[];
  matches uuid[];
  searches uuid[];
  embeddings uuid[];
  restored_faces uuid[];
begin
  if faces is null then
    faces := array(
      select distinct m.face_id
      from watchpost.match as m
      where m.person_id = restore_matches.person and m.superseded_because in ('cannot_link', 'backfill')
    );
  end if;
  photos := array(select distinct r.image_id from watchpost.restorable_matches(person, faces) as r);
  if photos = '{}' then
    return;
  end if;
  perform watchpost.lock_images(photos);
  -- A statement of its own, which sees what others committed before the locks were granted.
  select
    array_agg(r.match_id), array_agg(distinct r.search_id), array_agg(distinct r.embedding_id),
    array_agg(distinct r.face_id), array_agg(distinct r.image_id)
  into matches, searches, embeddings, restored_faces, photos
  from watchpost.restorable_matches(person, faces) as r
  where r.image_id = any (photos);
  if matches is null then
    return;
  end if;

  -- Whom these faces were taken for meanwhile, and which other face of the photo was taken for the person.
  perform watchpost.supersede_matches(
    array(select m.id from watchpost.match as m where m.face_id = any (restored_faces) and m.superseded_at is null),
    'restored'
  );
  perform watchpost.withdraw_matches(
    array(
      select m.id
      from watchpost.match as m
      where m.image_id = any (photos) and m.person_id = restore_matches.person and m.superseded_at is null
    ),
    'outranked'
  );

  update watchpost.search as s
  set superseded_at = now()
  where s.embedding_id = any (embeddings) and s.superseded_at is null;
  update watchpost.search as s set superseded_at = null where s.id = any (searches);
  with restored as (
    update watchpost.match as m
    set superseded_at = null, superseded_because = null
    where m.id = any (matches)
    returning m.id, m.image_id, m.face_id, m.person_id, m.watchlist_id
  )
  insert into watchpost.event (topic, subject_id, image_id, payload, tasks)
  select
    'match.restored', r.id, r.image_id,
    jsonb_build_object(
      'image_id', r.image_id, 'face_id', r.face_id, 'match_id', r.id, 'person_id', r.person_id,
      'watchlist_id', r.watchlist_id
    ),
    s.tasks
  from restored as r
  cross join (select watchpost.subscribers('match.restored') as tasks) as s;

  perform watchpost.restore_alerts(array(
    select distinct am.alert_id from watchpost.alert_match as am where am.match_id = any (matches)
  ));
  -- Withdrawn before the task alert came to it, which then had nothing to do.
  perform watchpost.raise_alert(m.id)
  from watchpost.match as m
  where m.id = any (matches)
    and not exists (select from watchpost.alert_match as am where am.match_id = m.id)
    and exists (
      select
      from watchpost.event as e
      join watchpost.handling as h on h.event_id = e.id and h.task = 'alert' and h.outcome = 'done'
      where e.subject_id = m.id and e.topic = 'match.found'
    );
end;
$$;

comment on function watchpost.restore_matches is 'Restores the matches of restorable_matches(), of some faces or of all, with their searches and alerts, and withdraws what had taken their place.';


-- Where another alert has been raised meanwhile in the episode of one that is restored, the later is merged into the
-- earlier, as if the sightings had arrived one after the other.
create or replace function watchpost.restore_alerts(alerts uuid[]) returns void
language plpgsql
as $$
declare
  one record;
  grown tstzrange;
  more uuid[];
  joined uuid[];
begin
  for one in
    select a.id, a.person_id, a.watchlist_id, a.place, a.retroactive, a.cooldown
    from watchpost.alert as a
    where a.id = any (alerts)
    order by a.person_id, a.watchlist_id, a.place, a.first_seen, a.id
  loop
    perform watchpost.lock_episodes(one.person_id, one.watchlist_id, one.place);
    grown := (
      select tstzrange(
        min(coalesce(t.began_at, i.captured_at)), max(coalesce(t.ended_at, i.captured_at)) + one.cooldown, '[]'
      )
      from watchpost.alert_match as am
      join watchpost.match as m on m.id = am.match_id and m.superseded_at is null
      join watchpost.image as i on i.id = m.image_id
      join watchpost.face as f on f.id = m.face_id
      left join watchpost.track as t on t.id = f.track_id
      where am.alert_id = one.id
      having count(*) > 0
    );
    -- Null: merged into another one of them just now.
    continue when grown is null;
    joined := array[one.id];
    loop
      more := array(
        select a.id
        from watchpost.alert as a
        where a.person_id = one.person_id
          and a.watchlist_id = one.watchlist_id
          and a.place = one.place
          and a.retroactive = one.retroactive
          and a.withdrawn_at is null
          and a.episode && grown
          and a.id <> all (joined)
      );
      exit when more = '{}';
      joined := joined || more;
      grown := (select range_merge(range_agg(a.episode) + multirange(grown)) from watchpost.alert as a where a.id = any (more));
    end loop;
    joined := array(select a.id from watchpost.alert as a where a.id = any (joined) order by a.first_seen, a.id);
    if cardinality(joined) = 1 then
      perform watchpost.recount_alerts(joined);
    else
      perform watchpost.merge_alerts(joined[1], joined[2:]);
    end if;
  end loop;
end;
$$;

comment on function watchpost.restore_alerts(uuid[]) is 'Recounts alerts whose matches were restored, which makes withdrawn ones current again, and merges them with alerts of the same episode.';
