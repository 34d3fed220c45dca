-- Announcing alerts to whoever listens.

-- NOTIFY takes a lock on the whole database at commit, which is too slow for every photo, but not for alerts, which are
-- few.
create or replace function watchpost.announce_alert() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_notify(
    'watchpost_alert',
    jsonb_build_object(
      'alert_id', a.id, 'person_id', a.person_id, 'severity', a.severity,
      'retroactive', a.retroactive
    )::text
  )
  from new_rows as a;
  return null;
end;
$$;

comment on function watchpost.announce_alert() is 'NOTIFY watchpost_alert for each new alert. Only a hint: a listener reads the row.';

create or replace trigger alert_announce after insert on watchpost.alert
referencing new table as new_rows
for each statement execute function watchpost.announce_alert();
