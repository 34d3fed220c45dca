-- When each thing is deleted or to be reviewed, by the rules of the table retention.

-- Row by row, so ask it for the rows of one kind, by id or with a limit.
create or replace view watchpost.due with (security_invoker = true) as
select
  'image' as relation,
  i.id,
  i.camera_id,
  i.received_at as since,
  i.received_at + r.age as due_at,
  r.action,
  r.purpose,
  watchpost.reason_to_hold(i.id, i.received_at) as held_by
from watchpost.image as i
cross join lateral watchpost.rule_of('image', i.camera_id) as r
where i.purpose = 'probe' and r.action = 'delete'
union all
select
  'face', f.id, i.camera_id, f.created_at, f.created_at + r.age, r.action, r.purpose, watchpost.reason_to_hold_face(f.id)
from watchpost.face as f
join watchpost.image as i on i.id = f.image_id
cross join lateral watchpost.rule_of('face', i.camera_id) as r
where i.purpose = 'probe' and r.action = 'delete'
union all
select
  'stranger', s.id, null, s.last_visit, s.last_visit + r.age, r.action, r.purpose, null
from (
  select s.id, max(least(f.seen_at, f.created_at)) as last_visit
  from watchpost.stranger as s
  join watchpost.stranger_face as f on f.stranger_id = s.id
  group by s.id
) as s
cross join lateral watchpost.rule_of('stranger') as r
union all
select
  'person', p.id, null, p.created_at, coalesce(p.keep_until, p.created_at + r.age),
  case when p.keep_until is null then 'review' else r.action end,
  coalesce(
    (
      select string_agg(distinct w.purpose, '; ' order by w.purpose)
      from watchpost.watchlist_entry as e
      join watchpost.watchlist as w on w.id = e.watchlist_id
      where e.person_id = p.id
    ),
    r.purpose
  ),
  null
from watchpost.person as p
cross join lateral watchpost.rule_of('person') as r
where p.merged_into is null;

comment on view   watchpost.due           is 'What the table retention means for each photo of a camera, face, stranger and person: when it is deleted or to be reviewed, and what it is kept for until then.';
comment on column watchpost.due.relation  is 'image, face, stranger or person.';
comment on column watchpost.due.since     is 'When it was stored; of a stranger, the last visit.';
comment on column watchpost.due.due_at    is 'When its time is over.';
comment on column watchpost.due.action    is 'delete: it is deleted then, unless it is held. review: somebody has to decide whether it is still needed.';
comment on column watchpost.due.purpose   is 'What it is kept for; of a person, the purposes of their lists.';
comment on column watchpost.due.held_by   is 'Why it is not deleted although its time is over: see reason_to_hold and reason_to_hold_face.';
