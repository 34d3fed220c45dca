-- How are age and gender estimated from now on, and for the faces found before? The note stays on record: say why, and
-- on whose authority. First read what "watchpost describe on" prints about the accuracy of these estimates.
select watchpost.switch_task('describe', true, 'counting visitors by age group, approved as DPIA-12');

-- The latest 1,000; then those before the last one, with before => last, until it is null.
select d.requested as faces_of_the_past, d.without_photo, d.last
from watchpost.describe_past(most => 1000) as d;
