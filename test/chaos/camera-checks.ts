import type { List } from './checker.ts';
import type { Check } from './checks.ts';
import type { GivenFrame } from './frames.ts';
import type { Delivered, SentMessage } from './messages.ts';

/** Topics of the events that go out: of photos, whose camera gives them an order, and of alerts. */
export const topics = ['image.received', 'face.detected', 'track.begun', 'match.found', 'alert.raised'];

/** What the harness knows of a run with a camera. */
export interface CameraLists {
  /** Frames that cameras have given, whoever has got them. */
  readonly frames: readonly GivenFrame[];
  /** Hashes of the files that were taken out of the folder: so the watcher acknowledges them. */
  readonly taken: readonly string[];
  readonly messages: readonly SentMessage[];
  readonly delivered: readonly Delivered[];
}

/** The lists as tables for the checks. */
export const tablesOf = ({ frames, taken, messages, delivered }: CameraLists): List[] => [
  { name: 'frame', columns: 'sha256 text, passage integer', rows: frames },
  { name: 'taken', columns: 'sha256 text', rows: taken.map((sha256) => ({ sha256 })) },
  { name: 'message', columns: 'key text, sha256 text, photo boolean, confirmed boolean', rows: messages },
  { name: 'delivered', columns: 'n integer, id uuid', rows: delivered.map(({ id }, n) => ({ n, id })) },
];

/** What must also hold of cameras and bridges once everything has come to its end; see `tablesOf` for the tables. */
export const cameraChecks: readonly Check[] = [
  {
    kind: 'duplicated',
    name: 'a frame, file or message is one image',
    text: `select encode(i.sha256, 'hex') || ': ' || string_agg(i.idempotency_key, ', ') as what
      from watchpost.image as i where i.purpose = 'probe' group by i.sha256 having count(*) > 1`,
  },
  {
    kind: 'lost',
    name: 'a file that was taken out of the folder is an image',
    text: `select t.sha256 as what
      from taken as t left join watchpost.image as i on i.sha256 = decode(t.sha256, 'hex') where i.id is null`,
  },
  {
    kind: 'lost',
    name: 'a photo that the broker has confirmed is an image',
    text: `select m.key as what
      from message as m
      left join watchpost.image as i on i.idempotency_key = m.key and i.sha256 = decode(m.sha256, 'hex')
      where m.confirmed and m.photo and i.id is null`,
  },
  {
    kind: 'lost',
    name: 'a confirmed message that is no photo is on record',
    text: `select m.key as what
      from message as m
      where m.confirmed and not m.photo
        and not exists (select from watchpost.bridge_refusal as r where r.message_id = m.key)`,
  },
  {
    kind: 'lost',
    name: 'every event of the topics of the bridge came out',
    text: `select e.topic || ' ' || e.id as what
      from watchpost.event as e
      where e.topic in (${topics.map((topic) => `'${topic}'`).join(', ')})
        and exists (select from watchpost.bridge as b where b.direction = 'out')
        and not exists (select from delivered as d where d.id = e.id)`,
  },
  {
    kind: 'wrong',
    name: 'no event came out that is not on record',
    text: `select d.id::text as what
      from delivered as d left join watchpost.event as e on e.id = d.id where e.id is null`,
  },
  {
    // One watcher submits them one after the other. What concurrent transactions write has no order.
    kind: 'wrong',
    name: 'the frames of a camera came out in order',
    text: `select o.id || ' of ' || o.camera_id as what
      from (
        select e.id, i.camera_id, d.first,
          lag(d.first) over (partition by i.camera_id order by e.xid, e.id) as before
        from (select d.id, min(d.n) as first from delivered as d group by d.id) as d
        join watchpost.event as e on e.id = d.id and e.topic = 'image.received'
        join watchpost.image as i on i.id = e.image_id
        join watchpost.camera as c on c.id = i.camera_id and c.frames_per_second is not null
      ) as o
      where o.before > o.first`,
  },
  {
    kind: 'wrong',
    name: 'what followed from a photo came out after it',
    text: `with came as materialized (
        select e.image_id, e.topic, d.first,
          case e.topic when 'image.received' then 0 when 'face.detected' then 1 else 2 end as step
        from (select d.id, min(d.n) as first from delivered as d group by d.id) as d
        join watchpost.event as e on e.id = d.id
        where e.image_id is not null
      )
      select a.topic || ' after ' || b.topic || ' of ' || a.image_id as what
      from came as a join came as b on b.image_id = a.image_id and b.step > a.step and b.first < a.first`,
  },
  {
    kind: 'wrong',
    name: 'who stays before the camera is one track',
    text: `select o.camera || ' at ' || o.captured_at as what
      from (
        select c.name as camera, i.captured_at, f.track_id, c.track_gap,
          lag(f.track_id) over who as track_before, lag(i.captured_at) over who as before
        from frame as g
        join watchpost.image as i on i.sha256 = decode(g.sha256, 'hex') and i.purpose = 'probe'
        join watchpost.camera as c on c.id = i.camera_id and c.frames_per_second is not null
        join watchpost.face as f on f.image_id = i.id and f.superseded_at is null
        window who as (partition by c.id, g.passage, f.box_x, f.box_y order by i.captured_at)
      ) as o
      where o.captured_at - o.before <= o.track_gap and o.track_id is distinct from o.track_before`,
  },
  {
    kind: 'wrong',
    name: 'a track is as long as its faces',
    text: `select t.id || ' has ' || t.faces || ' of ' || count(f.id) || ' faces' as what
      from watchpost.track as t
      left join watchpost.face as f on f.track_id = t.id and f.superseded_at is null
      left join watchpost.image as i on i.id = f.image_id
      group by t.id
      having t.faces <> count(f.id) or t.began_at <> min(i.captured_at) or t.ended_at <> max(i.captured_at)`,
  },
  {
    kind: 'gap',
    name: 'a track with a good face was searched',
    text: `select t.id::text as what
      from watchpost.track as t
      where t.looks > 0
        and not exists (select from watchpost.search as s where s.face_id = t.face_id and s.superseded_at is null)`,
  },
  {
    kind: 'wrong',
    name: 'no invariant is violated',
    text: `select v.rule || ' ' || v.subject || ': ' || v.finding as what from watchpost.invariant as v`,
  },
];
