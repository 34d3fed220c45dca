-- How does a program hear of alerts at once? From now on this connection is notified of each new one, as JSON with
-- alert_id, person_id, severity and retroactive; psql shows it after its next command. It is a hint only: after a lost
-- connection query the alerts raised meanwhile.
listen watchpost_alert;

select d.id as alert_id, d.person, d.location, d.severity, d.created_at
from watchpost.alert_detail as d
where d.created_at > now() - interval '5 minutes'
order by d.id;
