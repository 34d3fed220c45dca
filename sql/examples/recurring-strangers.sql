-- Who was here at least five times this week and was never enrolled?
with parameters as (
  select interval '7 days' as period, 5 as visits
)
select v.stranger_id, count(*) as visits, sum(v.faces) as faces, max(v.last_seen) as last_seen
from watchpost.stranger_visit as v
cross join parameters as p
where v.person_id is null and v.last_seen > now() - p.period
group by v.stranger_id, p.visits
having count(*) >= p.visits
order by visits desc, last_seen desc;
