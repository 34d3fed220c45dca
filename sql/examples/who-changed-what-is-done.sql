-- Who has switched a task on or off, or changed what consumes which events, and why?
select
  e.created_at,
  e.payload ->> 'by' as who,
  e.payload ->> 'task' as task,
  e.payload ->> 'topic' as topic,
  e.payload -> 'old' -> 'enabled' as was_on,
  e.payload -> 'new' -> 'enabled' as is_on,
  e.payload ->> 'note' as note
from watchpost.subscription as s
-- The subject of such an event is made of topic and task.
join watchpost.event as e on e.subject_id = md5(s.topic || ' ' || s.task)::uuid and e.topic = 'subscription.changed'
order by e.id desc;
