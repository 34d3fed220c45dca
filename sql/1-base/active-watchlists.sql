-- Which lists are searched.

create or replace view watchpost.active_watchlist with (security_invoker = true) as
select w.*
from watchpost.watchlist as w
where w.enabled
  and (w.valid_from is null or w.valid_from <= now())
  and (w.valid_until is null or w.valid_until > now());

comment on view watchpost.active_watchlist is 'The lists that are searched now: enabled, and valid at this moment.';
