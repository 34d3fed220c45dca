import { photoOf } from '../faces.ts';

/**
 * The rows of an installation of 20 weeks: 20,000 people, 30,000 references, 221,500 photos with 401,500 faces, 5,000
 * alerts, and 1.1 million events with their handlings. The same in every run, but for the time at which it ends: now.
 */
export const contents = {
  version: 1,
  weeks: 20,
  people: 20_000,
  /** The first 5,000 people have three photos, the others one; the last 1,500 photos were refused. */
  photos: 31_500,
  references: 30_000,
  /** From 20 cameras; every 38th has no face, the others two. */
  probes: 190_000,
  faces: 370_000,
  passersBy: 92_500,
  /** Every 37th face is of somebody enrolled; two each make an alert. */
  matches: 10_000,
  alerts: 5_000,
};

/** Photo n of the people: whose it is. */
const personOf = (n: number): number => {
  if (n < 15_000) return Math.floor(n / 3);
  return n < contents.references ? n - 10_000 : n - contents.references;
};

/** The vector of photo n of the people. */
export const enrolledVector = (n: number): Float64Array => photoOf(personOf(n), n % 3);

/** The vector of face n of the probes: a passer-by is seen four times in a row. */
export const seenVector = (n: number): Float64Array => {
  if (n % 37 === 0) return photoOf(personOfAlert(Math.floor(n / 74)), 100 + (n % 74));
  return photoOf(contents.people + Math.floor(n / 4), n % 4);
};

const personOfAlert = (alert: number): number => alert * 3;

/** Kinds of keys, so that no two rows have the same. */
const kinds = {
  person: 1,
  photo: 2,
  image: 3,
  face: 4,
  embedding: 5,
  reference: 6,
  search: 7,
  match: 8,
  alert: 9,
  event: 10,
  handling: 11,
  stranger: 12,
  camera: 13,
  other: 14,
};
const {
  person,
  photo,
  image,
  face,
  embedding,
  reference,
  search,
  match,
  alert,
  event,
  handling,
  stranger,
  camera,
} = kinds;

/**
 * Functions by which rows name each other, called stable so that the planner inlines them. A key is a UUIDv7 of the time
 * of its row, with its kind and number; photos of people are numbered from a million.
 */
export const functionsOf = `
  create function first_week() returns timestamptz stable language sql
  return date_bin('7 days', now(), '2000-01-03Z') - interval '${(contents.weeks - 1) * 7} days';

  do $$
  begin
    execute format(
      'create function seen_at(n bigint) returns timestamptz stable parallel safe language sql
       return %L::timestamptz + n * %L::interval', first_week(), (now() - first_week()) / ${contents.probes}
    );
    execute format(
      'create function added_at(n bigint) returns timestamptz stable parallel safe language sql
       return %L::timestamptz + n * %L::interval', first_week(), (now() - first_week()) / ${contents.photos}
    );
  end;
  $$;

  create function key_of(at timestamptz, kind integer, n bigint) returns uuid stable parallel safe language sql return (
    encode(int8send(((extract(epoch from at) * 1000)::bigint << 16) | 28672 | kind), 'hex')
    || encode(int8send((-9223372036854775808)::bigint | n), 'hex')
  )::uuid;
  create function probe_of(face bigint) returns bigint stable parallel safe language sql
  return face / 2 + face / 74 + 1;
  create function image_key(n bigint) returns uuid stable parallel safe language sql
  return key_of(seen_at(n), ${image}, n);
  create function face_key(face bigint) returns uuid stable parallel safe language sql
  return key_of(seen_at(probe_of(face)), ${face}, face);
  create function embedding_key(face bigint) returns uuid stable parallel safe language sql
  return key_of(seen_at(probe_of(face)), ${embedding}, face);
  create function search_key(face bigint) returns uuid stable parallel safe language sql
  return key_of(seen_at(probe_of(face)), ${search}, face);
  create function match_key(face bigint) returns uuid stable parallel safe language sql
  return key_of(seen_at(probe_of(face)), ${match}, face);
  create function alert_key(n bigint) returns uuid stable parallel safe language sql
  return key_of(seen_at(probe_of(n * 74)), ${alert}, n);
  create function person_key(n bigint) returns uuid stable parallel safe language sql
  return key_of(added_at(0), ${person}, n);
  create function camera_key(n bigint) returns uuid stable parallel safe language sql
  return key_of(added_at(0), ${camera}, n % 20);
  create function photo_key(n bigint, kind integer) returns uuid stable parallel safe language sql
  return key_of(added_at(n), kind, 1000000 + n);
  create function person_of(photo bigint) returns bigint stable parallel safe language sql
  return case
    when photo < 15000 then photo / 3
    when photo < ${contents.references} then photo - 10000
    else photo - ${contents.references}
  end;
  -- The first of all photos, evenly spread over the time, that is of a week; the first face in a photo or after it.
  create function first_of(week integer, all_photos bigint) returns bigint stable parallel safe language sql
  return least(all_photos, ceil(
    week * 604800.0 / extract(epoch from seen_at(${contents.probes}) - seen_at(0)) * all_photos
  ))::bigint;
  create function first_face(probe bigint) returns bigint stable parallel safe language sql
  return least(${contents.faces}, greatest(0, 2 * (probe - 1 - (probe - 1) / 38)));
  -- From 0 to 1, evenly, and the same for the same number.
  create function chance(n bigint) returns double precision stable parallel safe language sql
  return (hashint8(n)::bigint + 2147483648) / 4294967296.0;
`;

/** People, their photos, references and vectors, and the lists and cameras. */
export const galleryOf = (model: string): string => `
  insert into watchpost.camera (id, name, location, zone)
  select camera_key(n), 'camera-' || n, 'Door ' || n, case when n % 4 = 0 then 'zone ' || n / 8 end
  from generate_series(0, 19) as n;

  insert into watchpost.watchlist (name, threshold) values ('everybody', 0.6), ('wanted', 0.6);

  insert into watchpost.person (id, name, external_ref, created_at)
  select person_key(n), 'Person ' || n, 'ref-' || n, added_at(0) from generate_series(0, ${contents.people - 1}) as n;

  insert into watchpost.watchlist_entry (watchlist_id, person_id)
  select w.id, person_key(n)
  from generate_series(0, ${contents.people - 1}) as n
  join watchpost.watchlist as w on w.name = 'everybody' or (w.name = 'wanted' and n % 10 = 0);

  insert into watchpost.image (id, purpose, captured_at, received_at, bytes, byte_length, sha256, format, width, height)
  select
    photo_key(n, ${image}), 'reference', added_at(n), added_at(n), 'photo', 5, sha256('photo'), 'jpeg', 640, 480
  from generate_series(0, ${contents.photos - 1}) as n;

  insert into watchpost.face (
    id, image_id, detector_id, ordinal, box_x, box_y, box_width, box_height, points, score, height_px, sharpness,
    yaw, pitch, roll, crop
  )
  select
    photo_key(n, ${face}), photo_key(n, ${image}), 'no-detector', 1, 0, 0, 100, 100, array_fill(1::real, '{10}'), 1,
    100, 500, 0, 0, 0, 'crop'
  from generate_series(0, ${contents.photos - 1}) as n;

  insert into watchpost.embedding (id, face_id, model_id, vector, norm)
  select photo_key(n, ${embedding}), photo_key(n, ${face}), '${model}', vector, 8 + 4 * chance(n) from enrolled;

  insert into watchpost.person_photo (id, person_id, image_id, created_at)
  select photo_key(n, ${photo}), person_key(person_of(n)), photo_key(n, ${image}), added_at(n)
  from generate_series(0, ${contents.photos - 1}) as n;

  insert into watchpost.reference (id, person_id, person_photo_id, embedding_id, model_id, vector, created_at)
  select
    photo_key(n, ${reference}), person_key(person_of(n)), photo_key(n, ${photo}), photo_key(n, ${embedding}),
    '${model}', vector, added_at(n)
  from enrolled where n < ${contents.references};

  insert into watchpost.person_vector (person_id, model_id, vector, reference_count)
  select person_id, model_id, watchpost.vector_of_person(avg(vector), count(*)::integer), count(*)
  from watchpost.reference group by person_id, model_id;

  insert into watchpost.backfill (reason, person_id, model_id, searched, started_at, finished_at)
  select 'enrolled', person_key(n), '${model}', ${contents.faces}, added_at(0), added_at(1)
  from generate_series(0, ${contents.people - 1}) as n;
`;

/** The photos of the cameras, and what was found in them. */
export const photosOf = (model: string): string => `
  insert into watchpost.image (id, camera_id, captured_at, received_at, bytes, byte_length, sha256, format, width, height)
  select image_key(n), camera_key(n), seen_at(n), seen_at(n), 'photo', 5, sha256('photo'), 'jpeg', 640, 480
  from generate_series(0, ${contents.probes - 1}) as n;

  insert into watchpost.face (
    id, image_id, detector_id, ordinal, box_x, box_y, box_width, box_height, points, score, height_px, sharpness,
    yaw, pitch, roll, crop
  )
  select
    face_key(n), image_key(probe_of(n)), 'no-detector', 1 + n % 2, 100 * (n % 2), 0, 100, 100,
    array_fill(1::real, '{10}'), 1, 100, 500, 0, 0, 0, 'crop'
  from generate_series(0, ${contents.faces - 1}) as n;

  insert into watchpost.embedding (id, face_id, model_id, vector, norm)
  select embedding_key(n), face_key(n), '${model}', vector, 8 + 4 * chance(n) from seen;

  insert into watchpost.demography (id, face_id, model_id, age, male)
  select key_of(seen_at(probe_of(n)), ${kinds.other}, n), face_key(n), 'no-describer', 20 + 40 * chance(n), chance(-n)
  from generate_series(${contents.faces - 100_000}, ${contents.faces - 1}) as n;
`;

/** Every face was searched. Similarities of those that do not match are made up: comparing all of them takes hours. */
export const sightingsOf = (model: string): string => `
  insert into watchpost.search (
    id, embedding_id, face_id, model_id, watchlists, watchlist_versions, method, outcome, gate, person_id, reference_id,
    similarity, reference_similarity
  )
  select
    search_key(n), embedding_key(n), face_key(n), '${model}', w.ids, '{1,1}', 'hnsw',
    case when n % 37 = 0 then 'match' when n % 50 = 1 then 'gated' else 'below_threshold' end,
    case when n % 50 = 1 and n % 37 <> 0 then '{profile}'::text[] else '{}' end,
    person_key(p.person), null, p.similarity, p.similarity
  from generate_series(0, ${contents.faces - 1}) as n
  cross join (select array_agg(id order by id) as ids from watchpost.watchlist) as w
  cross join lateral (
    select
      case when n % 37 = 0 then n / 74 * 3 else hashint8(n)::bigint & 8191 end as person,
      case when n % 37 = 0 then 0.65 + 0.2 * chance(n) else 0.35 + 0.24 * chance(n) ^ 2 end as similarity
  ) as p;

  insert into watchpost.match (
    id, search_id, image_id, face_id, person_id, reference_id, watchlist_id, similarity, threshold, created_at
  )
  select
    match_key(n), search_key(n), image_key(probe_of(n)), face_key(n), person_key(n / 74 * 3), null, w.id,
    0.65 + 0.2 * chance(n), 0.6, seen_at(probe_of(n))
  from generate_series(0, ${contents.faces - 1}, 37) as n
  join watchpost.watchlist as w on w.name = 'everybody';

  insert into watchpost.alert (
    id, person_id, watchlist_id, camera_id, place, severity, cooldown, episode, first_seen, last_seen, sightings,
    best_match_id, similarity, state, confirmed_by, confirmed_at, dismissed_by, dismissed_at, dismissal, created_at
  )
  select
    alert_key(n), person_key(n * 3), w.id, camera_key(probe_of(n * 74)), 'camera:' || n % 20, 'warning', '5 minutes',
    tstzrange(t.first, t.last + interval '5 minutes'), t.first, t.last, 2, match_key(n * 74), 0.65 + 0.2 * chance(n * 74),
    s.state, case s.state when 'confirmed' then 'a guard' end, case s.state when 'confirmed' then t.last end,
    case s.state when 'dismissed' then 'a guard' end, case s.state when 'dismissed' then t.last end,
    case s.state when 'dismissed' then 'false_alarm' end, t.first
  from generate_series(0, ${contents.alerts - 1}) as n
  join watchpost.watchlist as w on w.name = 'everybody'
  cross join lateral (select seen_at(probe_of(n * 74)) as first, seen_at(probe_of(n * 74 + 37)) as last) as t
  cross join lateral (
    select case when n >= ${contents.alerts - 200} then 'open' when n % 3 = 0 then 'dismissed' else 'confirmed' end as state
  ) as s;

  insert into watchpost.alert_match (match_id, alert_id)
  select match_key(n), alert_key(n / 74) from generate_series(0, ${contents.faces - 1}, 37) as n;

  insert into watchpost.alert_review (id, alert_id, decision, dismissal, reviewer, created_at)
  select key_of(a.last_seen, ${kinds.other}, n), a.id, a.state, a.dismissal, 'a guard', a.last_seen
  from generate_series(0, ${contents.alerts - 201}) as n
  join watchpost.alert as a on a.id = alert_key(n);

  insert into watchpost.endpoint (name, url) values ('control room', 'https://control.example/'), ('mobile', 'https://mobile.example/');

  insert into watchpost.notification (id, alert_id, endpoint_id, message, state, created_at, settled_at)
  select
    key_of(a.first_seen, ${kinds.other}, 2 * n + o.place), a.id, o.id, '{}', 'delivered', a.first_seen, a.first_seen
  from generate_series(0, ${contents.alerts - 1}) as n
  join watchpost.alert as a on a.id = alert_key(n)
  cross join (select id, row_number() over (order by name) as place from watchpost.endpoint) as o;

  insert into watchpost.delivery (id, notification_id, endpoint_id, attempt, started_at, duration_ms, status, error)
  select
    key_of(n.created_at, ${kinds.other}, row_number() over (order by n.id)), n.id, n.endpoint_id, t, n.created_at, 20,
    case t when 2 then 200 else 503 end, case t when 1 then 'It answered 503.' end
  from watchpost.notification as n
  cross join generate_series(1, 2) as t;

  insert into watchpost.calibration (model_id, source, people, photos, probes, strangers, command, created_by)
  values ('${model}', 'references', ${contents.people}, ${contents.references}, 2000, 2000, 'none', 'bench');
  insert into watchpost.calibration_point
  select c.id, t / 1000.0, 2000 - 2 * t, 2000 - t, 0, 1 - t / 1000.0, 1 - t / 2000.0
  from watchpost.calibration as c cross join generate_series(0, 1000) as t;
`;

/** 2,000 strangers of ten faces each, of the last weeks. */
export const strangersOf = (model: string): string => `
  insert into watchpost.stranger (id, model_id)
  select key_of(seen_at(${contents.probes - 30_000}), ${stranger}, n), '${model}' from generate_series(0, 1999) as n;

  insert into watchpost.stranger_face
    (face_id, embedding_id, search_id, model_id, vector, norm, seen_at, neighbours, core, stranger_id)
  select
    face_key(n), embedding_key(n), search_key(n), '${model}', s.vector, 10, seen_at(probe_of(n)), 10, true,
    key_of(seen_at(${contents.probes - 30_000}), ${stranger}, (n / 2) % 2000)
  from seen as s
  where n >= ${contents.faces - 41_000} and n % 2 = 1 and n % 37 <> 0
  order by n
  limit 20000;
`;

/** What happened in one week, in one transaction, and what became of it: as the stages write it, all of it done. */
export const recordOf = (week: number): string[] => {
  const series = (from: (week: number) => string, step = 1) =>
    `generate_series(ceil(${from(week)} / ${step}.0)::bigint * ${step}, ${from(week + 1)} - 1, ${step}) as n`;
  const probe = (of: number) => `first_of(${of}, ${contents.probes})`;
  const faceFrom = (of: number) => `first_face(${probe(of)})`;
  const events = [
    `select seen_at(n), n, 'image.received', image_key(n), image_key(n),
       jsonb_build_object('image_id', image_key(n), 'source', camera_key(n)), '{detect}'::text[]
     from ${series(probe)}`,
    `select seen_at(probe_of(n)) + interval '100 ms', 1000000 + n, 'face.detected', face_key(n), image_key(probe_of(n)),
       jsonb_build_object('image_id', image_key(probe_of(n)), 'face_id', face_key(n)), '{embed}'
     from ${series(faceFrom)}`,
    `select seen_at(probe_of(n)) + interval '200 ms', 2000000 + n, 'face.embedded', embedding_key(n),
       image_key(probe_of(n)),
       jsonb_build_object(
         'image_id', image_key(probe_of(n)), 'face_id', face_key(n), 'embedding_id', embedding_key(n)
       ), '{match}'
     from ${series(faceFrom)}`,
    `select seen_at(probe_of(n)) + interval '300 ms', 3000000 + n, 'match.found', match_key(n), image_key(probe_of(n)),
       jsonb_build_object('image_id', image_key(probe_of(n)), 'face_id', face_key(n), 'match_id', match_key(n)),
       '{alert}'
     from ${series(faceFrom, 37)}`,
    `select seen_at(probe_of(n)) + interval '400 ms', 4000000 + n, 'alert.raised', alert_key(n / 74),
       image_key(probe_of(n)),
       jsonb_build_object('image_id', image_key(probe_of(n)), 'alert_id', alert_key(n / 74)), '{notify}'
     from ${series(faceFrom, 74)}`,
    `select added_at(n) + s.after * interval '100 ms', 5000000 + 10 * n + s.after, s.topic, photo_key(n, s.kind),
       photo_key(n, ${image}),
       jsonb_build_object('image_id', photo_key(n, ${image}), 'person_photo_id', photo_key(n, ${photo})), array[s.task]
     from ${series((of) => `first_of(${of}, ${contents.photos})`)}
     cross join (values
       (0, 'photo.added', ${photo}, 'detect'), (1, 'face.detected', ${face}, 'embed'),
       (2, 'photo.embedded', ${embedding}, 'enrol'), (3, 'person.enrolled', ${reference}, 'backfill')
     ) as s (after, topic, kind, task)
     where n < ${contents.references} or s.after < 3`,
    `select v.created_at, 7000000 + row_number() over (order by v.id), 'alert.reviewed', v.id, null::uuid,
       jsonb_build_object('alert_id', v.alert_id, 'review_id', v.id), '{}'
     from watchpost.alert_review as v
     where v.created_at >= seen_at(${probe(week)}) and v.created_at < seen_at(${probe(week + 1)})`,
  ];
  if (week === 0)
    events.push(
      `select added_at(0), 6000000 + n, 'person.changed', person_key(n), null,
         jsonb_build_object('person_id', person_key(n), 'change', 'created', 'by', 'import'), '{}'
       from generate_series(0, ${contents.people - 1}) as n`,
    );
  if (week === contents.weeks - 1)
    events.push(
      `select now(), 8000000 + row_number() over (order by t.id), t.topic, t.id, null,
         jsonb_build_object('change', 'created', 'by', 'import'), '{}'
       from (
         select 'watchlist.changed', id from watchpost.watchlist union all select 'endpoint.changed', id from watchpost.endpoint
       ) as t (topic, id)`,
    );
  return [
    `insert into watchpost.event (id, topic, subject_id, image_id, payload, tasks, created_at)
     select key_of(at, ${event}, number), topic, subject_id, image_id, payload, tasks, at
     from (${events.join(' union all ')}) as e (at, number, topic, subject_id, image_id, payload, tasks)
     order by at`,
    `insert into watchpost.handling
       (id, event_id, task, outcome, attempt, started_at, duration_ms, code, error, created_at)
     select
       key_of(e.created_at + interval '50 ms', ${handling}, row_number() over (order by e.id)), e.id, e.tasks[1],
       case when f.code is null then 'done' else 'failed' end, 1, e.created_at + interval '5 ms', 45, f.code,
       case when f.code is not null then 'It is not good enough.' end, e.created_at + interval '50 ms'
     from watchpost.event as e
     cross join lateral (
       select
         case
           when e.topic = 'photo.embedded' and e.created_at >= added_at(${contents.references}) then 'face_blurred'
           when e.topic = 'image.received'
             and not exists (select from watchpost.face as f where f.image_id = e.image_id) then 'image_corrupt'
         end as code
     ) as f
     where e.xid = pg_current_xact_id() and e.tasks <> '{}'
     order by e.id`,
  ];
};
