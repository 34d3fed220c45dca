-- Pausing a task: workers claim no event and take no job of it until it is resumed. Switching a task off: it is given no
-- new events.

create or replace function watchpost.pause(task text) returns void
language sql
begin atomic
  insert into watchpost.task_pause (task) values (pause.task) on conflict do nothing;
end;

comment on function watchpost.pause(text) is 'Pauses a task: within a second no worker claims an event or takes a job of it; what is being handled is finished.';


create or replace function watchpost.resume(task text) returns void
language sql
begin atomic
  delete from watchpost.task_pause as p where p.task = resume.task;
end;

comment on function watchpost.resume(text) is 'Resumes a task: workers claim its events and take its jobs again.';


create or replace function watchpost.switch_task(task text, enabled boolean, note text default null) returns boolean
language plpgsql
as $$
declare
  changed boolean;
begin
  if not exists (select from watchpost.subscription as s where s.task = switch_task.task) then
    raise exception 'There is no task %.', quote_literal(task)
      using errcode = 'WP065',
            hint = 'Tasks: ' || (select string_agg(distinct s.task, ', ') from watchpost.subscription as s) || '.';
  end if;
  if not watchpost.is_text(note) then
    raise exception 'note: give 2000 characters at most.' using errcode = 'WP073';
  end if;
  perform set_config('watchpost.note', coalesce(note, ''), true);
  update watchpost.subscription as s
  set enabled = switch_task.enabled
  where s.task = switch_task.task and s.enabled <> switch_task.enabled;
  changed := found;
  perform set_config('watchpost.note', '', true);
  return changed;
end;
$$;

comment on function watchpost.switch_task is 'Enables or disables handing new events to a task; true if that is a change, which is then recorded with the note. What was handed to it before is still done. An unknown task is an error (WP065).';
