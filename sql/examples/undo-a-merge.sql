-- How is a merge undone? Every row that it moved or changed is as it was; what came since stays with the survivor.
with parameters as (
  select 'case-5678' as merged, 'they are sisters' as note
)
select m.id as merge_id, m.kept_id, m.merged_id, m.undone_by, m.undone_at
from parameters as q
join watchpost.person as d on d.external_ref = q.merged
cross join lateral watchpost.unmerge_persons(d.id, q.note) as m;
