-- How are alerts sent to a server? Here every critical one, of all lists. The secret is shown this once; with it the
-- server verifies a message, see examples/receive-alerts.mjs.
select e.endpoint_id, e.secret
from watchpost.add_endpoint(
  name => 'control room',
  url => 'https://control-room.example/watchpost',
  min_severity => 'critical',
  time_to_live => '10 minutes'
) as e;
