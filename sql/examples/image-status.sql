-- What became of the latest 50 photos?
select
  s.image_id, s.camera, s.state, s.code, s.message, s.faces, s.matches, s.alerts,
  s.finished_at - s.received_at as took
from watchpost.image_status as s
where s.purpose = 'probe'
order by s.image_id desc
limit 50;
