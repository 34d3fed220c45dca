-- What must hold of matches and alerts. Constraints ensure most of it; this finds a constraint that is missing or broken.

create or replace function watchpost.find_wrong_matches(from_key uuid) returns table (
  rule text, subject text, finding text, remedy text
)
language sql stable
begin atomic
  select distinct
    'searched_twice',
    s.embedding_id::text,
    format(
      '%s searches of the embedding stand.',
      (select count(*) from watchpost.search as n where n.embedding_id = s.embedding_id and n.superseded_at is null)
    ),
    'Run "watchpost replay --task match --image ' || f.image_id || '".'
  from watchpost.search as s
  join watchpost.search as other
    on other.embedding_id = s.embedding_id and other.superseded_at is null and other.id <> s.id
  join watchpost.face as f on f.id = s.face_id
  where s.superseded_at is null and s.id >= from_key

  union all
  select
    'match_below_threshold',
    m.id::text,
    format('The match has a similarity of %s and a threshold of %s.', m.similarity, m.threshold),
    'The record was changed directly; "watchpost verify" shows since when.'
  from watchpost.match as m
  where m.similarity < m.threshold and m.id >= from_key

  union all
  select
    'match_against_cannot_link',
    m.id::text,
    format('A cannot_link says that the face %s is not the person %s, and they are matched.', m.face_id, m.person_id),
    'Withdraw it: select watchpost.withdraw_matches(''{' || m.id || '}'', ''cannot_link'').'
  from watchpost.cannot_link as c
  cross join lateral watchpost.faces_meant(c.face_id) as declared (face_id)
  join watchpost.match as m on m.face_id = declared.face_id and m.person_id = c.person_id
  where m.superseded_at is null

  union all
  select
    'face_of_two_people',
    m.face_id::text,
    format('The face is matched with %s people, %s times.', count(distinct m.person_id), count(*)),
    'A constraint of watchpost.match is missing or broken: match_one_person_a_face, match_standing.'
  from watchpost.match as m
  where m.superseded_at is null
    and m.face_id in (select latest.face_id from watchpost.match as latest where latest.id >= from_key)
  group by m.face_id
  having count(distinct m.person_id) > 1 or count(*) > count(distinct m.watchlist_id)

  union all
  select
    'person_twice_in_a_photo',
    m.image_id::text,
    format('%s faces of the photo are the person %s.', count(distinct m.face_id), m.person_id),
    'The constraint match_one_face_a_person of watchpost.match is missing or broken.'
  from watchpost.match as m
  where m.superseded_at is null
    and m.image_id in (select latest.image_id from watchpost.match as latest where latest.id >= from_key)
  group by m.image_id, m.person_id
  having count(distinct m.face_id) > 1

  union all
  select
    'sightings_miscounted',
    a.id::text,
    format('The alert counts %s sightings and has %s matches.', a.sightings, n.matches),
    'Count again: select watchpost.recount_alerts(''{' || a.id || '}'').'
  from watchpost.alert as a
  cross join lateral (
    select count(*) as matches
    from watchpost.alert_match as am
    join watchpost.match as m on m.id = am.match_id
    where am.alert_id = a.id and m.superseded_at is null
  ) as n
  where a.withdrawn_at is null
    and a.sightings <> n.matches
    and a.id in (
      select latest.id from watchpost.alert as latest where latest.id >= from_key
      union
      select am.alert_id from watchpost.alert_match as am where am.match_id >= from_key
    )

  union all
  select
    'sighting_of_another',
    m.id::text,
    format('The match is of the person %s, and its alert %s of the person %s.', m.person_id, a.id, a.person_id),
    'The record was changed directly; "watchpost verify" shows since when.'
  from watchpost.match as m
  join watchpost.alert_match as am on am.match_id = m.id
  join watchpost.alert as a on a.id = am.alert_id
  where m.superseded_at is null and m.person_id <> a.person_id and m.id >= from_key

  union all
  select
    'episodes_overlap',
    a.id::text,
    format('The alert %s is of the same person, list, place and time.', b.id),
    'The constraint alert_one_an_episode of watchpost.alert is missing or broken.'
  from watchpost.alert as b
  join watchpost.alert as a
    on (a.person_id, a.watchlist_id, a.place, a.retroactive) = (b.person_id, b.watchlist_id, b.place, b.retroactive)
      and a.id < b.id
      and a.episode && b.episode
  where a.withdrawn_at is null and b.withdrawn_at is null and b.id >= from_key;
end;

comment on function watchpost.find_wrong_matches(uuid) is 'Part of find_violations: searches, matches and alerts that contradict each other or a cannot_link.';
