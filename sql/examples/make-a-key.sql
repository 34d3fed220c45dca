-- How does a camera get an API key of its own, which submits its photos and does nothing else, for a year? The key is shown
-- this once.
-- Variables: name (a new one), camera.
select k.key_id, k.key
from watchpost.create_key(
  name => :'name',
  scopes => '{submit}',
  cameras => array[watchpost.find_camera(:'camera')],
  expires_at => now() + interval '1 year',
  rate_per_minute => 600
) as k;
