-- What ties faces to a track, and what a track is compared by: all the constants, and the two formulas.

-- kept: the best faces of a track are fused; more of them gain nothing, and cost a search 1 KB each. moved: from this
-- cosine distance to the vector that was searched last a search again is worth it.
--
-- A face is tied by place and likeness. Distances are in sizes of a face (the root of its box's area), from where the track
-- is expected by its two faces that are nearest in time, or from the nearest of them. Within near_reach a cosine of
-- near_likeness is enough: whoever turns away stays at their place, and after a cut of the film somebody else is there, who
-- is less alike. Further away, as far as far_reach and far_reach_a_second more for each second between, it has to be
-- far_likeness. size_ratio is the least share of the larger of two faces that the smaller has.
create or replace function watchpost.track_rules(
  out kept integer, out moved real, out near_reach real, out near_likeness real,
  out far_reach real, out far_reach_a_second real, out far_likeness real, out size_ratio real
)
language sql immutable parallel safe
begin atomic
  select 8, 0.1::real, 0.6::real, 0.2::real, 1::real, 3::real, 0.45::real, 0.5::real;
end;

comment on function watchpost.track_rules() is 'The constants of tracks. kept: how many of the best faces are fused. moved: the cosine distance from which a track is searched again. The others: how near and how alike a face is to be for it to be tied, see sql/4-people/track-rules.sql.';


-- From nearly 0 for a face that just passes the gate of quality to 1 for one that is large, sharp and faces the camera.
create or replace function watchpost.quality_of(face watchpost.face, norm real, least_norm real) returns real
language sql immutable
return case
  when face.gate <> '{}' or norm < least_norm then 0
  else
    face.score * least(1, face.height_px / 112) * least(1, sqrt(face.sharpness / 100))
      * cos(radians(face.yaw)) * cos(radians(face.pitch))
end::real;

comment on function watchpost.quality_of is 'How much a face weighs in its track: 0 if it is too poor to be compared, else by score, size, sharpness and pose, up to 1.';


-- In single precision: the weights of some small faces multiplied with numbers of halfvec would be 0.
create or replace function watchpost.fuse_faces(faces uuid[], model text) returns halfvec
language sql stable
return (
  select l2_normalize(sum(e.vector::vector * array_fill(f.quality, array[vector_dims(e.vector)])::vector))::halfvec
  from watchpost.face as f
  join watchpost.embedding as e on e.face_id = f.id and e.model_id = fuse_faces.model and e.superseded_at is null
  where f.id = any (fuse_faces.faces) and f.quality > 0
);

comment on function watchpost.fuse_faces is 'The mean of the vectors of some faces by one model, weighted by face.quality; unit length. Null: none of them has one.';
