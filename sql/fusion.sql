-- How alike a face and a person are, by all of the person's photos.

-- Any fusion finds as many as any other at the same false-positive rate (within 0.3 points, on the ORL portraits). What
-- differs is how the false alarms of one threshold grow with the photos that a person has. At 0.45, with 3, 5 and 9 of
-- them: by the best photo 0.41%, 0.72% and 1.28% of strangers, by the best two 0.00%, 0.26% and 0.51%.
create or replace function watchpost.fused_similarity(similarities real[]) returns real
language sql immutable strict parallel safe
return (
  select avg(best.similarity)::real
  from (select s.similarity from unnest(similarities) as s (similarity) order by s.similarity desc limit 2) as best
);

comment on function watchpost.fused_similarity(real[]) is 'Of a face''s similarities to one person''s references: the mean of the best two, or the only one.';
