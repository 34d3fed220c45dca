-- Everything that is stored of one person, every search that touched them, and who looked.

create or replace function watchpost.access_report(person uuid) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp set jit = off
as $$
declare
  whose constant uuid := watchpost.survivor(person);
  ids constant uuid[] := watchpost.ids_of_person(person);
  photos jsonb;
  alerts jsonb;
  sightings jsonb;
  searches jsonb;
  about uuid[];
  -- Photos and faces, also those that somebody looked at before the person was found in them.
  seen uuid[];
begin
  perform watchpost.assert_person(person);

  select coalesce(jsonb_agg(to_jsonb(f) order by f.created_at), '[]') into photos
  from (
    select
      s.person_photo_id, s.image_id, s.face_id, s.state, s.code, s.created_at, s.removed_at, s.removed_by, i.purpose,
      i.captured_at, i.received_at, i.submitted_by, encode(i.sha256, 'hex') as sha256, i.byte_length,
      i.bytes is not null as photo_stored, s.face_id is not null as crop_stored
    from watchpost.photo_status as s
    join watchpost.image as i on i.id = s.image_id
    where s.person_id = any (ids)
  ) as f;

  select coalesce(jsonb_agg(to_jsonb(a) order by a.first_seen), '[]') into alerts
  from (
    select
      a.id, w.name as watchlist, a.severity, a.place, a.first_seen, a.last_seen, a.sightings, a.similarity, a.state,
      a.dismissal, a.withdrawn_at, a.created_at,
      (
        select coalesce(
          jsonb_agg(
            jsonb_build_object('at', v.created_at, 'decision', v.decision, 'reviewer', v.reviewer, 'note', v.note)
            order by v.id
          ),
          '[]'
        )
        from watchpost.alert_review as v
        where v.alert_id = a.id
      ) as reviews
    from watchpost.alert as a
    join watchpost.watchlist as w on w.id = a.watchlist_id
    where a.person_id = any (ids)
  ) as a;

  select coalesce(jsonb_agg(to_jsonb(m) order by m.seen_at), '[]') into sightings
  from (
    select
      m.id, m.image_id, m.face_id, w.name as watchlist, coalesce(t.began_at, i.captured_at) as seen_at,
      coalesce(t.ended_at, i.captured_at) as seen_until, t.id as track_id, k.name as camera, k.location,
      m.similarity, m.threshold, m.retroactive, m.superseded_at, m.superseded_because
    from watchpost.match as m
    join watchpost.watchlist as w on w.id = m.watchlist_id
    join watchpost.image as i on i.id = m.image_id
    join watchpost.face as f on f.id = m.face_id
    left join watchpost.track as t on t.id = f.track_id
    left join watchpost.camera_place as k on k.camera_id = i.camera_id and k.during @> i.captured_at
    where m.person_id = any (ids)
  ) as m;

  -- There is no index for it: such a question is rare, and an index would cost each search.
  select coalesce(jsonb_agg(to_jsonb(s) order by s.id), '[]') into searches
  from (
    select
      s.id, s.created_at as at, f.image_id, s.face_id, s.outcome, s.similarity, s.retroactive, s.superseded_at
    from watchpost.search as s
    left join watchpost.face as f on f.id = s.face_id
    where s.person_id = any (ids)
  ) as s;

  about := ids || array(
    select p.id from watchpost.person_photo as p where p.person_id = any (ids)
    union
    select r.id from watchpost.reference as r where r.person_id = any (ids)
    union
    select a.id from watchpost.alert as a where a.person_id = any (ids)
    union
    select m.id from watchpost.match as m where m.person_id = any (ids)
    union
    select g.id from watchpost.person_merge as g where g.kept_id = any (ids) or g.merged_id = any (ids)
  );

  seen := array(
    select f.image_id from watchpost.person_photo as f where f.person_id = any (ids)
    union
    select m.image_id from watchpost.match as m where m.person_id = any (ids) and m.superseded_at is null
    union
    select m.face_id from watchpost.match as m where m.person_id = any (ids) and m.superseded_at is null
  );

  return jsonb_build_object(
    'person', (
      select jsonb_build_object(
        'id', p.id, 'name', p.name, 'external_ref', p.external_ref, 'metadata', p.metadata,
        'legal_basis', p.legal_basis, 'keep_until', p.keep_until, 'created_at', p.created_at
      )
      from watchpost.person as p
      where p.id = whose
    ),
    'retention', (
      select jsonb_build_object('action', d.action, 'due_at', d.due_at, 'purpose', d.purpose)
      from watchpost.due as d
      where d.relation = 'person' and d.id = whose
    ),
    'watchlists', (
      select coalesce(
        jsonb_agg(
          jsonb_build_object('name', w.name, 'purpose', w.purpose, 'severity', w.severity, 'since', e.created_at)
          order by w.name
        ),
        '[]'
      )
      from watchpost.watchlist_entry as e
      join watchpost.watchlist as w on w.id = e.watchlist_id
      where e.person_id = any (ids)
    ),
    'merged', (
      select coalesce(
        jsonb_agg(
          jsonb_build_object(
            'id', p.id, 'name', p.name, 'external_ref', p.external_ref, 'merged_at', g.merged_at,
            'merged_by', g.merged_by, 'note', g.note, 'undone_at', g.undone_at
          )
          order by g.id
        ),
        '[]'
      )
      from watchpost.person_merge as g
      join watchpost.person as p on p.id = g.merged_id
      where g.kept_id = any (ids) or g.merged_id = any (ids)
    ),
    'photos', photos,
    'vectors', jsonb_build_object(
      'embeddings', (
        select count(*)
        from (
          select r.embedding_id from watchpost.reference as r where r.person_id = any (ids)
          union
          select e.id
          from watchpost.match as m
          join watchpost.embedding as e on e.face_id = m.face_id
          where m.person_id = any (ids)
        ) as v
      ),
      'references', (select count(*) from watchpost.reference as r where r.person_id = any (ids)),
      'models', (
        select coalesce(jsonb_agg(distinct r.model_id), '[]') from watchpost.reference as r where r.person_id = any (ids)
      )
    ),
    'sightings', sightings,
    'alerts', alerts,
    'deliveries', (
      select coalesce(
        jsonb_agg(
          jsonb_build_object(
            'alert_id', n.alert_id, 'endpoint', p.name, 'created_at', n.created_at, 'state', n.state,
            'settled_at', n.settled_at
          )
          order by n.id
        ),
        '[]'
      )
      from watchpost.notification as n
      join watchpost.alert as a on a.id = n.alert_id
      join watchpost.endpoint as p on p.id = n.endpoint_id
      where a.person_id = any (ids)
    ),
    'not_them', (
      select coalesce(
        jsonb_agg(
          jsonb_build_object(
            'face_id', c.face_id, 'other_person_id', c.other_person_id, 'reason', c.reason, 'by', c.created_by,
            'at', c.created_at
          )
          order by c.id
        ),
        '[]'
      )
      from watchpost.cannot_link as c
      where c.person_id = any (ids) or c.other_person_id = any (ids)
    ),
    'searches', searches,
    'accesses', (
      select coalesce(
        jsonb_agg(
          jsonb_build_object(
            'id', x.id, 'at', x.at, 'actor', x.actor, 'action', x.action, 'kind', x.subject_kind,
            'subject_id', x.subject_id, 'reason', x.reason, 'times', x.times, 'last_at', x.last_at
          )
          order by x.id
        ),
        '[]'
      )
      from watchpost.access as x
      where x.person_ids && ids or x.subject_id = any (ids || about || seen)
    ),
    'events', (
      select coalesce(
        jsonb_agg(
          jsonb_build_object(
            'id', e.id, 'at', e.created_at, 'topic', e.topic, 'subject_id', e.subject_id, 'by', e.payload ->> 'by'
          )
          order by e.id
        ),
        '[]'
      )
      from watchpost.event as e
      where e.subject_id = any (about)
    )
  );
end;
$$;

comment on function watchpost.access_report(uuid) is 'What is stored of a person and of everybody merged into them, every search that touched them, and who looked: facts, lists, photos, counts of vectors, sightings, alerts with their reviews, messages, searches, accesses and events. Reads all searches. Call record_access(''report'', ''person'', id) before.';
