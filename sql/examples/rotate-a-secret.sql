-- How does an endpoint get a new secret? Messages are signed with both for a day, so that the receiver can change over
-- in its own time.
-- Variables: endpoint.
select r.secret, r.previous_until
from watchpost.rotate_secret(watchpost.find_endpoint(:'endpoint'), keep => '1 day') as r;
