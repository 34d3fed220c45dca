-- How are age and gender estimated from now on, and for the faces that are there already? The note stays on record:
-- say why, and on whose word. "watchpost describe on" tells what these estimates are worth; read it first.
select watchpost.switch_task('describe', true, 'counting visitors by age group, approved as DPIA-12');

select d.requested as faces_of_the_past, d.without_photo
from watchpost.describe_past() as d;
