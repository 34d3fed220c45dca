-- Which API keys should somebody look at: those that were not used for 90 days, and those that expire within 14?
select
  k.name,
  k.scopes,
  k.created_at,
  k.created_by,
  k.last_used_at,
  k.expires_at,
  case when k.expires_at < now() + interval '14 days' then 'expires soon' else 'not used' end as why
from watchpost.key_status as k
where k.state = 'valid'
  and (
    coalesce(k.last_used_at, k.created_at) < now() - interval '90 days'
    or k.expires_at < now() + interval '14 days'
  )
order by k.expires_at nulls last, k.last_used_at nulls first;
