-- Which task consumes which event: the whole wiring of the product, in the order in which a photo meets it.
--
-- Applied again whenever this file changes. It changes only the rows listed here, and of those never `enabled`, which is
-- the operator's; consumers that users have added keep their rows. A row that is taken off this list has to be deleted
-- by a numbered migration.
--
-- Later stages have the smaller priority, so they run first: a photo that was started is finished before the next one,
-- and an alert does not wait for a burst that came after it.

insert into watchpost.subscription as s (topic, task, enabled, batch_size, max_attempts, priority, delivery, queue_by) values
  -- Two photos at a time: cameras take turns, and another camera's photo waits for two photos of each slot. One at a time
  -- costs a tenth of the photos a second (63 instead of 70), four gain no more.
  ('image.received',         'detect',   true,  2,  5,   0, 'claim', null),
  ('photo.added',            'detect',   true,  1,  5, -10, 'claim', null),
  -- The embedder gains nothing from more than 4 faces at once; 8 keep one job near 60 ms.
  ('face.detected',          'embed',    true,  8,  5, -20, 'claim', null),
  -- Each face goes to one of the two: watchpost.emit_embedded().
  ('face.embedded',          'match',    true, 64,  5, -30, 'claim', null),
  ('face.embedded',          'track',    true, 64,  5, -30, 'claim', null),
  ('track.begun',            'match',    true, 64,  5, -30, 'claim', null),
  ('track.improved',         'match',    true, 64,  5, -25, 'claim', null),
  ('photo.embedded',         'enrol',    true, 64,  5, -30, 'claim', null),
  ('match.found',            'alert',    true, 64,  5, -40, 'claim', null),
  ('alert.raised',           'notify',   true, 64,  5, -50, 'claim', null),
  -- With graphile-worker's delays (e seconds, e^2, ... up to e^10) twelve attempts take 16 hours.
  ('notification.due',       'deliver',  true,  1, 12, -10, 'job',   'endpoint_id'),
  ('state.due',              'states',   true,  1, 12, -10, 'job',   'endpoint_id'),
  ('summary.due',            'summaries', true, 1, 12, -10, 'job',   'endpoint_id'),
  ('home.due',               'home',     true, 64, 12, -10, 'job',   'endpoint_id'),
  ('head.due',               'heads',    true,  1, 12, -10, 'job',   'endpoint_id'),
  ('alarm.due',              'alarms',   true,  1, 12, -10, 'job',   'endpoint_id'),
  -- The past is searched after everything that is live.
  ('person.enrolled',        'backfill', true, 64,  5,  10, 'claim', null),
  ('watchlist.person_added', 'backfill', true, 64,  5,  10, 'claim', null),
  ('photo.removed',          'backfill', true, 64,  5,  10, 'claim', null),
  ('cannot_link.added',      'backfill', true, 64,  5,  10, 'claim', null),
  ('cannot_link.removed',    'backfill', true, 64,  5,  10, 'claim', null),
  ('backfill.continued',     'backfill', true,  1,  5,  20, 'claim', null),
  -- Off until somebody switches it on, which is recorded: watchpost.switch_task(). Its own priority lets alerts go first,
  -- and faces of the past wait for every photo that comes in.
  ('face.detected',          'describe', false, 8,  5,  -5, 'claim', null),
  ('description.requested',  'describe', false, 8,  5,  10, 'claim', null)
on conflict (topic, task) do update
set batch_size = excluded.batch_size, max_attempts = excluded.max_attempts, priority = excluded.priority,
  delivery = excluded.delivery, queue_by = excluded.queue_by
where (s.batch_size, s.max_attempts, s.priority, s.delivery, s.queue_by)
  is distinct from (excluded.batch_size, excluded.max_attempts, excluded.priority, excluded.delivery, excluded.queue_by);


create or replace function watchpost.default_attempts() returns smallint
language sql immutable
return 5::smallint;

comment on function watchpost.default_attempts() is 'Attempts of an event whose subscription was deleted meanwhile: as many as a subscription has unless it says otherwise.';
