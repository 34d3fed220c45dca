-- What somebody without this database needs to check a part of the record: the texts that were hashed, the seals that cover
-- them, and the chain from there to its end.
--
-- emits evidence.made
--
-- What is done with it: src/evidence, docs/evidence.md.

create or replace function watchpost.seal_over(xid xid8, id uuid) returns bigint
language plpgsql stable
as $$
declare
  low bigint := 1;
  high bigint := (select s.number from watchpost.seal as s where s.kind = 'event' order by s.number desc limit 1);
  middle bigint;
  probe watchpost.seal;
begin
  -- The ends of the ranges only grow, so the first that reaches the event is found by halving: some 20 seals are read of a
  -- million. Between two seals of events there may be others.
  while low <= high loop
    middle := (low + high) / 2;
    select s.* into probe
    from watchpost.seal as s
    where s.kind = 'event' and s.number >= middle
    order by s.number
    limit 1;
    if (probe.to_xid, probe.to_id) >= (seal_over.xid, seal_over.id) then
      high := middle - 1;
    else
      low := probe.number + 1;
    end if;
  end loop;
  return (select s.number from watchpost.seal as s where s.kind = 'event' and s.number >= low order by s.number limit 1);
end;
$$;

comment on function watchpost.seal_over is 'The seal of events whose range covers this place in the order of (xid, id); null: it is not sealed yet.';


create or replace function watchpost.events_of_alert(alert uuid, images uuid[]) returns table (event_id uuid, seal bigint, hashed text)
language sql stable
begin atomic
  select e.id, watchpost.seal_over(e.xid, e.id), watchpost.event_text(e)
  from watchpost.event as e
  where e.id in (
    select o.id from watchpost.event as o where o.image_id = any (images)
    union all
    select o.id from watchpost.event as o where o.subject_id = events_of_alert.alert
    union all
    select o.id
    from watchpost.alert_review as r
    join watchpost.event as o on o.subject_id = r.id and o.topic = 'alert.reviewed'
    where r.alert_id = events_of_alert.alert
  )
  order by e.id;
end;

comment on function watchpost.events_of_alert is 'The events of an alert, of its reviews and of these photos: the text whose SHA-256 is the leaf of each, and the seal that covers it; null: none does yet.';


create or replace function watchpost.record_evidence(alert uuid, manifest_sha256 text) returns uuid
language sql volatile
begin atomic
  insert into watchpost.event (topic, subject_id, payload, tasks)
  values (
    'evidence.made', record_evidence.alert,
    jsonb_build_object(
      'alert_id', record_evidence.alert, 'manifest_sha256', record_evidence.manifest_sha256, 'by', watchpost.actor()
    ),
    watchpost.subscribers('evidence.made')
  )
  returning id;
end;

comment on function watchpost.record_evidence is 'Records that the evidence of an alert was handed out, with the hash of the list of its files; returns the event.';


create or replace function watchpost.seal_event(event uuid) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  of_event watchpost.event;
  number bigint;
begin
  select e.* into of_event from watchpost.event as e where e.id = seal_event.event;
  loop
    number := watchpost.seal_over(of_event.xid, of_event.id);
    exit when number is not null or watchpost.seal_rows('event') = 0;
  end loop;
  return coalesce(number, watchpost.seal_over(of_event.xid, of_event.id));
end;
$$;

comment on function watchpost.seal_event(uuid) is 'Seals events up to this one, unless it is sealed already, and returns its seal; null: a transaction is open that began before it was written, so call it again.';


create or replace function watchpost.chain(first bigint, most integer) returns table (number bigint, hashed text, digest text)
language sql stable
begin atomic
  select s.number, watchpost.seal_text(s), encode(s.digest, 'hex')
  from watchpost.seal as s
  where s.number >= first
  order by s.number
  limit most;
end;

comment on function watchpost.chain is 'The seals from a number on: digest is the SHA-256 of the digest of the seal before, as bytes, and what is hashed.';
