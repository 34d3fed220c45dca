-- How are alerts sent to a server? Here every critical one, of all lists. The secret is shown this once; with it the
-- server verifies a message, see examples/receive-alerts.mjs.
-- Variables: endpoint (a new name), url.
select e.endpoint_id, e.secret
from watchpost.add_endpoint(
  name => :'endpoint',
  url => :'url',
  min_severity => 'critical',
  time_to_live => '10 minutes'
) as e;
