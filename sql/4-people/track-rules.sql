-- What ties faces to a track, and what a track is compared by: all the constants, and the two formulas. The figures that
-- decided are in docs/tracks.md.

-- kept: the best faces of a track are fused; more of them gain nothing, and cost a search 1 KB each. moved: from this
-- cosine distance to the vector that was searched last a search again is worth it.
--
-- A face is tied by place and likeness. Distances are in heights of a face, from where the track is expected by its two
-- faces that are nearest in time, or from the nearest of them. Near, which is near_reach and near_reach_a_second more for each
-- second between, a cosine of near_likeness is enough, or of poor_likeness where one of the two is a poor view: whoever turns
-- away stays at their place, and after a cut of the film somebody else is there, who is less alike. Further away, as far as
-- far_reach and so on, it has to be far_likeness. size_ratio is the least share of the larger of two faces that the
-- smaller has. Of several pairs the one with the greatest likeness, less distance_weight for each height, comes first.
create or replace function watchpost.track_rules(
  out kept integer, out moved real,
  out near_reach real, out near_reach_a_second real, out near_likeness real, out poor_likeness real,
  out far_reach real, out far_reach_a_second real, out far_likeness real,
  out size_ratio real, out distance_weight real
)
language sql immutable parallel safe
begin atomic
  select
    8, 0.05::real,
    0.6::real, 0.4::real, 0.35::real, 0.3::real,
    1.5::real, 1.5::real, 0.55::real,
    0.62::real, 0.2::real;
end;

comment on function watchpost.track_rules() is 'The constants of tracks. kept: how many of the best faces are fused. moved: the cosine distance from which a track is searched again. The others: how near and how alike a face is to be for it to be tied, see sql/4-people/track-rules.sql.';


create or replace function watchpost.quality_of(face watchpost.face, norm real, least_norm real) returns real
language sql immutable
return case
  when face.gate <> '{}' or norm < least_norm then 0
  else greatest(norm * cos(radians(least(70, 1.2 * abs(face.yaw)))), 0.001)
end::real;

comment on function watchpost.quality_of is 'How good a view a face is: the norm of its vector, less as it is turned to the side; 0 if it is too poor to be compared.';


-- All with one weight: weights by quality, size or sharpness gain nothing. In single precision, as the sum is no halfvec.
create or replace function watchpost.fuse_faces(faces uuid[], model text) returns halfvec
language sql stable
return (
  select l2_normalize(sum(e.vector::vector))::halfvec
  from watchpost.embedding as e
  where e.face_id = any (fuse_faces.faces) and e.model_id = fuse_faces.model and e.superseded_at is null
);

comment on function watchpost.fuse_faces is 'The mean of the vectors of some faces by one model; unit length. Null: none of them has one.';
