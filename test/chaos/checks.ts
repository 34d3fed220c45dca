/** What a row of a check's answer means. */
export type Kind = 'lost' | 'duplicated' | 'gap' | 'left' | 'wrong';

/** A statement that has no rows when all is well; each row describes in `what` what is wrong. */
export interface Check {
  readonly kind: Kind;
  readonly name: string;
  readonly text: string;
}

/**
 * Everything that must hold once all photos are done or failed. `sent` is a table of what the harness has sent
 * (key, sha256, faces), `acknowledged` of what it was promised (id, key, sha256).
 */
export const checks: readonly Check[] = [
  {
    kind: 'lost',
    name: 'an acknowledged photo is there, as it was sent',
    text: `select a.key || ' ' || a.id as what
      from acknowledged as a left join watchpost.image as i on i.id = a.id
      where i.id is null or encode(i.sha256, 'hex') <> a.sha256 or i.idempotency_key <> a.key`,
  },
  {
    kind: 'lost',
    name: 'an acknowledged photo is done or failed',
    text: `select a.key || ' is ' || s.state as what
      from acknowledged as a join watchpost.image_status as s on s.image_id = a.id
      where s.state not in ('done', 'failed')`,
  },
  {
    kind: 'lost',
    name: 'the bytes of a photo are there',
    text: `select i.id::text as what
      from watchpost.image as i where sha256(i.bytes) is distinct from i.sha256`,
  },
  {
    kind: 'duplicated',
    name: 'one row for each submission',
    text: `select i.idempotency_key || ' ' || count(*) as what
      from watchpost.image as i where i.idempotency_key is not null
      group by i.idempotency_key having count(*) > 1`,
  },
  {
    kind: 'wrong',
    name: 'no photo that was not sent',
    text: `select i.id::text as what
      from watchpost.image as i left join sent as s on s.key = i.idempotency_key and s.sha256 = encode(i.sha256, 'hex')
      where s.key is null and i.purpose = 'probe'`,
  },
  {
    kind: 'duplicated',
    name: 'one event for each row',
    text: `select e.topic || ' ' || e.subject_id as what
      from watchpost.event as e where e.topic !~ '^(worker|camera)[.]' and e.topic not in ('backfill.continued', 'track.improved', 'track.joined', 'bridge.refused')
      group by e.topic, e.subject_id having count(*) > 1`,
  },
  {
    kind: 'duplicated',
    name: 'a task has done an event once',
    text: `select h.task || ' ' || h.event_id || ' ' || count(*) as what
      from watchpost.handling as h where h.outcome = 'done'
      group by h.event_id, h.task having count(*) > 1`,
  },
  {
    kind: 'wrong',
    name: 'nothing that is done has failed as well',
    text: `select h.task || ' ' || h.event_id as what
      from watchpost.handling as h where h.outcome in ('done', 'refused', 'failed')
      group by h.event_id, h.task having count(distinct h.outcome) > 1`,
  },
  {
    kind: 'duplicated',
    name: 'a face is found once',
    text: `select f.image_id || ' at ' || f.box_x || ', ' || f.box_y as what
      from watchpost.face as f
      group by f.image_id, f.box_x, f.box_y, f.box_width, f.box_height having count(*) > 1`,
  },
  {
    kind: 'wrong',
    name: 'a photo has the faces it has',
    text: `select s.key || ': ' || count(f.id) || ' of ' || coalesce(s.faces, 0) as what
      from sent as s
      join watchpost.image as i on i.idempotency_key = s.key
      left join watchpost.face as f on f.image_id = i.id
      group by s.key, s.faces having count(f.id) <> coalesce(s.faces, 0)`,
  },
  {
    kind: 'wrong',
    name: 'a photo failed if, and only if, it is no good',
    text: `select s.key || ' is ' || t.state || coalesce(': ' || t.code || ', ' || t.message, '') as what
      from sent as s
      join watchpost.image as i on i.idempotency_key = s.key
      join watchpost.image_status as t on t.image_id = i.id
      where (t.state = 'failed') <> (s.faces is null)`,
  },
  {
    kind: 'duplicated',
    name: 'one embedding for each face',
    text: `select e.face_id::text as what from watchpost.embedding as e group by e.face_id having count(*) > 1`,
  },
  {
    kind: 'duplicated',
    name: 'one search for each embedding',
    text: `select s.embedding_id::text as what
      from watchpost.search as s where s.superseded_at is null group by s.embedding_id having count(*) > 1`,
  },
  {
    kind: 'duplicated',
    name: 'one match for each face, person and list',
    text: `select m.face_id::text as what
      from watchpost.match as m where m.superseded_at is null
      group by m.face_id, m.person_id, m.watchlist_id having count(*) > 1`,
  },
  {
    kind: 'duplicated',
    name: 'a match is in one alert, once',
    text: `select am.match_id::text as what from watchpost.alert_match as am group by am.match_id having count(*) > 1`,
  },
  {
    kind: 'duplicated',
    name: 'an alert counts the sightings it has',
    text: `select a.id || ' counts ' || a.sightings || ' of ' || count(m.id) as what
      from watchpost.alert as a
      left join watchpost.alert_match as am on am.alert_id = a.id
      left join watchpost.match as m on m.id = am.match_id and m.superseded_at is null
      where a.withdrawn_at is null
      group by a.id having a.sightings <> count(m.id)`,
  },
  {
    kind: 'duplicated',
    name: 'a person is in a photo once, and a face is one person',
    text: `select a.face_id || ' and ' || b.face_id as what
      from watchpost.match as a
      join watchpost.match as b on b.image_id = a.image_id and b.id > a.id and b.superseded_at is null
      where a.superseded_at is null and (a.person_id = b.person_id) <> (a.face_id = b.face_id)`,
  },
  {
    kind: 'duplicated',
    name: 'one alert for each episode',
    text: `select a.id || ' and ' || b.id as what
      from watchpost.alert as a
      join watchpost.alert as b
        on (b.person_id, b.watchlist_id, b.place, b.retroactive) = (a.person_id, a.watchlist_id, a.place, a.retroactive)
          and b.id > a.id and b.episode && a.episode
      where a.withdrawn_at is null and b.withdrawn_at is null`,
  },
  {
    kind: 'duplicated',
    name: 'one reference for each photo of a person',
    text: `select r.person_photo_id::text as what
      from watchpost.reference as r group by r.person_photo_id having count(*) > 1`,
  },
  {
    kind: 'gap',
    name: 'every task of every event has come to an end',
    text: `select e.topic || ' of image ' || coalesce(e.image_id::text, 'none') || ' in ' || t.task as what
      from watchpost.event as e cross join unnest(e.tasks) as t (task)
      where not exists (select from watchpost.ended_task as d where d.event_id = e.id and d.task = t.task)`,
  },
  {
    kind: 'wrong',
    name: 'every handling is of an event that exists',
    text: `select h.task || ' ' || h.event_id as what
      from watchpost.handling as h left join watchpost.event as e on e.id = h.event_id
      where e.id is null`,
  },
  {
    kind: 'gap',
    name: 'every row has its event',
    text: `select r.topic || ' ' || r.id as what
      from (
        select 'image.received' as topic, i.id from watchpost.image as i where i.purpose = 'probe'
        union all select 'photo.added', p.id from watchpost.person_photo as p
        union all select 'face.detected', f.id from watchpost.face as f
        union all select 'match.found', m.id from watchpost.match as m
        union all select 'alert.raised', a.id from watchpost.alert as a
      ) as r
      left join watchpost.event as e on e.topic = r.topic and e.subject_id = r.id
      where e.id is null`,
  },
  {
    kind: 'gap',
    name: 'every event has its row',
    text: `select e.topic || ' ' || e.subject_id as what
      from watchpost.event as e
      where (e.topic = 'image.received' and not exists (select from watchpost.image as i where i.id = e.subject_id))
         or (e.topic = 'face.detected' and not exists (select from watchpost.face as f where f.id = e.subject_id))
         or (e.topic = 'match.found' and not exists (select from watchpost.match as m where m.id = e.subject_id))
         or (e.topic = 'alert.raised' and not exists (select from watchpost.alert as a where a.id = e.subject_id))`,
  },
  {
    kind: 'gap',
    name: 'every face has its embedding',
    text: `select f.id::text as what
      from watchpost.face as f left join watchpost.embedding as e on e.face_id = f.id where e.id is null`,
  },
  {
    kind: 'gap',
    name: 'every face of a probe was searched for, or is part of a track',
    text: `select f.id::text as what
      from watchpost.face as f
      join watchpost.image as i on i.id = f.image_id and i.purpose = 'probe'
      left join watchpost.search as s on s.face_id = f.id where s.id is null and f.track_id is null`,
  },
  {
    kind: 'gap',
    name: 'every search that found somebody has its match',
    text: `select s.id::text as what
      from watchpost.search as s
      where s.superseded_at is null
        and (s.outcome = 'match') <>
          exists (select from watchpost.match as m where m.face_id = s.face_id and m.superseded_at is null)`,
  },
  {
    kind: 'gap',
    name: 'every match has its alert',
    text: `select m.id::text as what
      from watchpost.match as m left join watchpost.alert_match as am on am.match_id = m.id
      where am.match_id is null and m.superseded_at is null`,
  },
  {
    kind: 'gap',
    name: 'every search of the past has come to its end',
    text: `select b.id || ' of ' || b.person_id as what from watchpost.backfill as b where b.finished_at is null`,
  },
  {
    kind: 'left',
    name: 'the outbox is empty',
    text: `select o.task || ' ' || o.event_id as what from watchpost.outbox as o`,
  },
  {
    kind: 'left',
    name: 'no job is left, and none is locked',
    text: `select j.task || ' ' || j.id || ' attempt ' || j.attempts || ' ' ||
        coalesce('locked by ' || j.locked_by || ' since ' || j.locked_at, 'not locked') ||
        coalesce(' ' || j.last_error, '') as what
      from watchpost.list_jobs() as j`,
  },
  {
    kind: 'left',
    name: 'nothing is claimed',
    text: `select c.task || ' ' || c.id || ' attempt ' || c.attempts || ' ' || cardinality(c.events) || ' events ' ||
        coalesce('claimed by ' || c.worker_id, 'released') || ' since ' || c.claimed_at as what
      from watchpost.claim as c`,
  },
];

/**
 * What must also hold when nothing was killed: an outage does not count as a failure of the item.
 *
 * @param attempts that an item may take. Of a primary that is lost with the last seconds, some deliveries are known to the
 *   replica and their ends are not: those are delivered again.
 */
export const noAttemptUsed = (attempts: 1 | 2): Check => ({
  kind: 'wrong',
  name: 'no attempt was used up',
  text: `select h.task || ' ' || h.event_id || ' ' || h.outcome || ' at attempt ' || h.attempt || coalesce(': ' || h.code, '') as what
    from watchpost.handling as h
    join watchpost.event as e on e.id = h.event_id
    where h.attempt > ${attempts} or h.outcome = 'retry'`,
});
