-- Which lists are searched, and who changes them.

create or replace view watchpost.active_watchlist as
select w.*
from watchpost.watchlist as w
where w.enabled
  and (w.valid_from is null or w.valid_from <= now())
  and (w.valid_until is null or w.valid_until > now());

comment on view watchpost.active_watchlist is 'The lists that are searched now: enabled, and valid at this moment.';


-- Who does something, for the record: the API says so for its callers, everybody else is the database user.
create or replace function watchpost.actor() returns text
language sql stable
-- No longer than any name of a key: it goes into events, which are never changed.
return left(coalesce(nullif(current_setting('watchpost.actor', true), ''), session_user), 255);

comment on function watchpost.actor() is 'Who acts in this transaction: the setting watchpost.actor if the API has made one, else the database user.';
