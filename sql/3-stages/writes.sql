-- What the stages write, for the events that have passed the fence; each takes arrays with an element for every row.

create or replace function watchpost.write_faces(
  passed       uuid[],
  photo_events uuid[], images uuid[], formats text[], widths integer[], heights integer[],
  detector     text,
  face_events  uuid[], face_images uuid[], ordinals smallint[], boxes text[], points text[], qualities text[], gates text[],
  crop_lengths integer[], crops bytea
) returns integer
language plpgsql set plan_cache_mode = force_generic_plan
as $$
declare
  written integer;
begin
  update watchpost.image as i
  set format = p.format, width = p.width, height = p.height
  from unnest(photo_events, images, formats, widths, heights) as p (event_id, image_id, format, width, height)
  where i.id = p.image_id and p.event_id = any (passed);

  insert into watchpost.face (
    image_id, detector_id, ordinal, box_x, box_y, box_width, box_height, points, score,
    height_px, sharpness, yaw, pitch, roll, gate, crop
  )
  select
    f.image_id, detector, f.ordinal, f.box[1], f.box[2], f.box[3], f.box[4], f.points::real[], f.quality[1],
    f.quality[2], f.quality[3], f.quality[4], f.quality[5], f.quality[6], f.gate::text[],
    substr(crops, f.crop_at, f.crop_length)
  from (
    select
      u.event_id, u.image_id, u.ordinal, u.box::real[] as box, u.points, u.quality::real[] as quality, u.gate,
      u.crop_length,
      (1 + sum(u.crop_length) over (order by u.place) - u.crop_length)::integer as crop_at
    from unnest(face_events, face_images, ordinals, boxes, points, qualities, gates, crop_lengths)
      with ordinality as u (event_id, image_id, ordinal, box, points, quality, gate, crop_length, place)
  ) as f
  where f.event_id = any (passed);
  get diagnostics written = row_count;
  return written;
end;
$$;

comment on function watchpost.write_faces is 'detect: the size of each photo and the faces in it. Boxes, points, qualities and gates are array literals; crops are the JPEGs of all faces, one behind the other.';


create or replace function watchpost.write_embeddings(
  passed uuid[], model text, dimension integer, events uuid[], faces uuid[], norms real[], vectors real[]
) returns integer
language plpgsql set plan_cache_mode = force_generic_plan
as $$
declare
  written integer;
begin
  insert into watchpost.embedding (face_id, model_id, vector, norm)
  select v.face_id, model, vectors[(v.place - 1) * dimension + 1 : v.place * dimension]::halfvec, v.norm
  from unnest(events, faces, norms) with ordinality as v (event_id, face_id, norm, place)
  where v.event_id = any (passed);
  get diagnostics written = row_count;
  return written;
end;
$$;

comment on function watchpost.write_embeddings is 'embed: one embedding a face. vectors are all vectors, one behind the other.';


-- The matches are locked first, then their episodes in the order of person, list and place: two workers that take either
-- kind of lock in one order cannot deadlock.
create or replace function watchpost.write_alerts(passed uuid[], events uuid[], matches uuid[]) returns integer
language plpgsql set plan_cache_mode = force_generic_plan
as $$
declare
  sighting record;
  standing uuid[];
  written integer := 0;
begin
  select array_agg(l.id) into standing
  from (
    select m.id
    from unnest(events, matches) as f (event_id, match_id)
    join watchpost.match as m on m.id = f.match_id and m.superseded_at is null
    where f.event_id = any (passed)
    order by m.id
    for share of m
  ) as l;
  for sighting in
    select m.id
    from watchpost.match as m
    join watchpost.image as i on i.id = m.image_id
    where m.id = any (standing)
    order by m.person_id, m.watchlist_id, watchpost.place_of(i.camera_id), i.captured_at, m.id
  loop
    perform watchpost.raise_alert(sighting.id);
    written := written + 1;
  end loop;
  return written;
end;
$$;

comment on function watchpost.write_alerts is 'alert: opens or extends the episode of each match that stands.';
