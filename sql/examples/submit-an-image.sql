-- How is a photo submitted? By a function, which finds the camera by its name and takes an idempotency key, or by a
-- plain INSERT; either starts the same processing when the transaction commits.
--
-- The photo here is one grey pixel. A program gives its bytes as a parameter; in psql:
--   \set photo `base64 -w 0 photo.jpg`
--   select watchpost.submit_image(decode(:'photo', 'base64'), 'north-gate');
-- Variables: camera, key (a submission with the same key gives the same image).
select watchpost.submit_image(
  decode('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAACXBIWXMAAAPoAAAD6AG1e1JrAAAADElEQVQI12Po6OgAAAM0AZkQj9/uAAAAAElFTkSuQmCC', 'base64'),
  camera => :'camera',
  captured_at => now() - interval '2 seconds',
  idempotency_key => :'key'
) as image_id;

insert into watchpost.image (camera_id, captured_at, bytes)
values (
  watchpost.find_camera(:'camera'),
  now() - interval '1 second',
  decode('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAACXBIWXMAAAPoAAAD6AG1e1JrAAAADElEQVQI12Po6OgAAAM0AZkQj9/uAAAAAElFTkSuQmCC', 'base64')
)
returning id as image_id;
