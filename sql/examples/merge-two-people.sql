-- How do two people who are one become one? The first keeps name and external_ref and gets the photos, sightings, alerts
-- and lists of both; the id and the external_ref of the second lead there. Whom photos suggest to merge: the column
-- looks_like of photo_status. unmerge_persons(merged_id, note) undoes it.
with parameters as (
  select 'case-1234' as keep, 'case-5678' as merged, 'the same scar' as note
)
select m.id as merge_id, m.kept_id, m.merged_id, m.merged_by, m.moved
from parameters as q
join watchpost.person as k on k.external_ref = q.keep
join watchpost.person as d on d.external_ref = q.merged
cross join lateral watchpost.merge_persons(k.id, d.id, q.note) as m;
