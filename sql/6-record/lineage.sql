-- The lineage of an alert: the photos, models, thresholds and searches that led to it.

create or replace function watchpost.lineage(alert uuid) returns table (
  alert_id               uuid,
  alert_state            text,
  raised_at              timestamptz,
  match_id               uuid,
  best                   boolean,
  matched_at             timestamptz,
  similarity             real,
  retroactive            boolean,
  watchlist              text,
  watchlist_version      integer,
  threshold              real,
  search_id              uuid,
  searched_at            timestamptz,
  method                 text,
  reference_similarity   real,
  person_id              uuid,
  person                 text,
  reference_id           uuid,
  reference_image_id     uuid,
  reference_image_sha256 text,
  reference_face         smallint,
  reference_face_id      uuid,
  enrolled_at            timestamptz,
  enrolled_by            text,
  embedding_id           uuid,
  model_id               text,
  model_sha256           text,
  face_id                uuid,
  detector_id            text,
  detector_sha256        text,
  box_x                  real,
  box_y                  real,
  box_width              real,
  box_height             real,
  image_id               uuid,
  image_sha256           text,
  image_rotation         smallint,
  captured_at            timestamptz,
  received_at            timestamptz,
  submitted_by           text,
  camera                 text,
  location               text,
  image_damaged          boolean,
  reference_image_damaged boolean,
  track_id               uuid,
  seen_at                timestamptz,
  seen_until             timestamptz,
  faces                  integer
)
language sql stable
begin atomic
  select
    a.id, a.state, a.created_at,
    m.id, m.id = a.best_match_id, m.created_at, m.similarity, m.retroactive,
    w.name, s.watchlist_versions[array_position(s.watchlists, m.watchlist_id)], m.threshold,
    m.search_id, s.created_at, s.method, s.reference_similarity,
    p.id, p.name,
    m.reference_id, ri.id, encode(ri.sha256, 'hex'), rf.ordinal, rf.id, r.created_at, ri.submitted_by,
    e.id, e.model_id, em.sha256,
    f.id, f.detector_id, fm.sha256, f.box_x, f.box_y, f.box_width, f.box_height,
    i.id, encode(i.sha256, 'hex'), i.rotation, i.captured_at, i.received_at, i.submitted_by,
    k.name, k.location,
    i.undecoded_share is not null, ri.undecoded_share is not null,
    t.id, coalesce(t.began_at, i.captured_at), coalesce(t.ended_at, i.captured_at), coalesce(t.faces, 1)
  from watchpost.alert as a
  join watchpost.alert_match as am on am.alert_id = a.id
  join watchpost.match as m on m.id = am.match_id
  join watchpost.person as p on p.id = m.person_id
  join watchpost.watchlist as w on w.id = m.watchlist_id
  join watchpost.face as f on f.id = m.face_id
  join watchpost.model as fm on fm.id = f.detector_id
  join watchpost.image as i on i.id = f.image_id
  left join watchpost.track as t on t.id = f.track_id
  left join watchpost.camera_place as k on k.camera_id = i.camera_id and k.during @> i.captured_at
  -- A search may have been retired and a reference removed; the vector that was compared is that of the same model.
  left join watchpost.search as s on s.id = m.search_id
  left join watchpost.reference as r on r.id = m.reference_id
  left join watchpost.embedding as e on e.face_id = m.face_id and e.model_id = coalesce(s.model_id, r.model_id)
  left join watchpost.model as em on em.id = e.model_id
  left join watchpost.embedding as re on re.id = r.embedding_id
  left join watchpost.face as rf on rf.id = re.face_id
  left join watchpost.image as ri on ri.id = rf.image_id
  where a.id = lineage.alert
  order by i.captured_at, m.id;
end;

comment on function watchpost.lineage(uuid) is 'Everything an alert was made of, one row for each of its matches: the search, the list''s version and threshold at that time, the reference and its photo, the models and their hashes, the place in the photo, the photo''s hash and by how many degrees it is turned, the camera and where it was then, who submitted it, whether the files of the photo and of the reference are damaged, and of a track its first and last frame and how many faces it has.';
