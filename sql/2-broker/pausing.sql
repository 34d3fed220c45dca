-- Pausing a task: workers take no job of it until it is resumed.

create or replace function watchpost.pause(task text) returns void
language sql
begin atomic
  insert into watchpost.task_pause (task) values (pause.task) on conflict do nothing;
end;

comment on function watchpost.pause(text) is 'Pauses a task: within a second no worker takes a job of it; running jobs are finished.';


create or replace function watchpost.resume(task text) returns void
language sql
begin atomic
  delete from watchpost.task_pause as p where p.task = resume.task;
end;

comment on function watchpost.resume(text) is 'Resumes a task: workers take its jobs again.';
