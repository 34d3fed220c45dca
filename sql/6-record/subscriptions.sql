-- Recording changes of subscriptions.
--
-- emits subscription.changed
--
-- Applied after sql/2-broker/wiring.sql, so that the rows of a new installation are not recorded as changes.

create or replace function watchpost.record_subscription_change() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  keys constant text[] := '{topic,task,created_at}';
  changes jsonb;
begin
  case tg_op
    when 'INSERT' then
      select jsonb_agg(jsonb_build_object('topic', n.topic, 'task', n.task, 'new', to_jsonb(n) - keys)) into changes
      from new_rows as n;
    when 'DELETE' then
      select jsonb_agg(jsonb_build_object('topic', o.topic, 'task', o.task, 'old', to_jsonb(o) - keys)) into changes
      from old_rows as o;
    when 'TRUNCATE' then
      select jsonb_agg(jsonb_build_object('topic', s.topic, 'task', s.task, 'old', to_jsonb(s) - keys)) into changes
      from watchpost.subscription as s;
    else
      select jsonb_agg(jsonb_build_object(
        'topic', coalesce(n.topic, o.topic), 'task', coalesce(n.task, o.task),
        'old', to_jsonb(o) - keys, 'new', to_jsonb(n) - keys
      )) into changes
      from old_rows as o
      full join new_rows as n on n.topic = o.topic and n.task = o.task
      where to_jsonb(o) is distinct from to_jsonb(n);
  end case;

  insert into watchpost.event (topic, subject_id, payload, tasks)
  select
    'subscription.changed', md5(c.topic || ' ' || c.task)::uuid,
    jsonb_build_object(
      'topic', c.topic, 'task', c.task, 'old', c.old, 'new', c.new, 'by', watchpost.actor(),
      'note', nullif(current_setting('watchpost.note', true), '')
    ),
    s.tasks
  from jsonb_to_recordset(coalesce(changes, '[]')) as c (topic text, task text, old jsonb, new jsonb)
  cross join (select watchpost.subscribers('subscription.changed') as tasks) as s;
  return null;
end;
$$;

comment on function watchpost.record_subscription_change() is 'One subscription.changed for each subscription that was added, deleted or changed: old, new, by whom, and the note if one was given. Its subject is made of topic and task.';

create or replace trigger subscription_insert_record after insert on watchpost.subscription
referencing new table as new_rows
for each statement execute function watchpost.record_subscription_change();

create or replace trigger subscription_update_record after update on watchpost.subscription
referencing old table as old_rows new table as new_rows
for each statement execute function watchpost.record_subscription_change();

create or replace trigger subscription_delete_record after delete on watchpost.subscription
referencing old table as old_rows
for each statement execute function watchpost.record_subscription_change();

create or replace trigger subscription_truncate_record before truncate on watchpost.subscription
for each statement execute function watchpost.record_subscription_change();
