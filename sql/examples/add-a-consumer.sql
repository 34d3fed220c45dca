-- How does my own task get every alert? With a row here, and a graphile-worker anywhere that runs the task
-- notify_guards: its payload is an array of {event_id, image_id, alert_id, person_id}.
insert into watchpost.subscription (topic, task, batch_size, max_attempts)
values ('alert.raised', 'notify_guards', 10, 25)
on conflict (topic, task) do update
set enabled = true, batch_size = excluded.batch_size, max_attempts = excluded.max_attempts
returning topic, task, enabled;
