-- Episodes that can not overlap, and the search of the past.

alter table watchpost.alert
  add column cooldown    interval,
  add column episode     tstzrange,
  add column retroactive boolean not null default false,
  add column merged_into uuid references watchpost.alert on delete set null;

update watchpost.alert as a
set cooldown = w.cooldown, episode = tstzrange(a.first_seen, a.last_seen + w.cooldown, '[]')
from watchpost.watchlist as w
where w.id = a.watchlist_id;

-- Photos that came out of order could leave two alerts of one episode behind: the earlier takes in the later.
do $$
declare
  pair record;
begin
  loop
    select a.id as earlier, b.id as later into pair
    from watchpost.alert as a
    join watchpost.alert as b
      on (b.person_id, b.watchlist_id, b.place) = (a.person_id, a.watchlist_id, a.place)
        and (a.first_seen, a.id) < (b.first_seen, b.id)
        and b.episode && a.episode
    where a.withdrawn_at is null and b.withdrawn_at is null
    order by a.first_seen, b.first_seen
    limit 1;
    exit when not found;

    update watchpost.alert_match set alert_id = pair.earlier where alert_id = pair.later;
    update watchpost.alert as a
    set last_seen = greatest(a.last_seen, b.last_seen),
        episode = tstzrange(a.first_seen, greatest(a.last_seen, b.last_seen) + a.cooldown, '[]'),
        camera_id = case when b.last_seen > a.last_seen then b.camera_id else a.camera_id end,
        sightings = a.sightings + b.sightings,
        best_match_id = case when b.similarity > a.similarity then b.best_match_id else a.best_match_id end,
        similarity = greatest(a.similarity, b.similarity)
    from watchpost.alert as b
    where a.id = pair.earlier and b.id = pair.later;
    update watchpost.alert set withdrawn_at = now(), merged_into = pair.earlier where id = pair.later;
  end loop;
end;
$$;

-- Matches that migration 0011 had to choose between leave fewer sightings.
update watchpost.alert as a
set sightings = greatest(n.sightings, 1), withdrawn_at = case when n.sightings = 0 then now() end
from (
  select am.alert_id, count(*) filter (where m.superseded_at is null) as sightings
  from watchpost.alert_match as am
  join watchpost.match as m on m.id = am.match_id
  group by am.alert_id
) as n
where n.alert_id = a.id and a.withdrawn_at is null and a.sightings <> n.sightings;

alter table watchpost.alert
  alter column cooldown set not null,
  alter column episode set not null,
  add constraint alert_one_an_episode
    exclude using gist (person_id with =, watchlist_id with =, place with =, retroactive with =, episode with &&)
    where (withdrawn_at is null);

create index alert_merged_into on watchpost.alert (merged_into) where merged_into is not null;

comment on column watchpost.alert.cooldown     is 'The list''s cool-down when the alert was raised.';
comment on column watchpost.alert.episode      is 'From the first sighting to the cool-down after the last; a sighting within it extends the alert. Kept by a trigger.';
comment on column watchpost.alert.retroactive  is 'Raised for what had been seen before the person was enrolled, listed or corrected. It pages nobody unless the list says so.';
comment on column watchpost.alert.merged_into  is 'The alert that took this one in, when a sighting turned out to lie between the two.';
comment on column watchpost.alert.withdrawn_at is 'When the last of its matches was superseded, or another alert took it in; null: it stands.';
comment on constraint alert_one_an_episode on watchpost.alert is 'Sightings of one person at one place within the cool-down are one alert, with however many workers.';


create table watchpost.backfill (
  id            uuid primary key default watchpost.uuidv7(),
  reason        text not null check (reason in ('enrolled', 'listed', 'removed', 'cannot_link')),
  person_id     uuid not null references watchpost.person on delete cascade,
  model_id      text not null references watchpost.model,
  reference_ids uuid[] not null default '{}',
  cursor        uuid,
  searched      integer not null default 0 check (searched >= 0),
  found         integer not null default 0 check (found >= 0),
  started_at    timestamptz not null default clock_timestamp(),
  finished_at   timestamptz
);

create index backfill_person on watchpost.backfill (person_id, id desc);

comment on table  watchpost.backfill               is 'One search of the past faces for one person, newest first, a batch at a time: each batch is an event backfill.continued.';
comment on column watchpost.backfill.reason        is 'enrolled: a photo was added. listed: the person was put on a list, or a cannot_link was taken back. removed: a photo was taken back. cannot_link: a face was said not to be the person. The first two look at all past faces, the others at photos the person was found in.';
comment on column watchpost.backfill.reference_ids is 'The references that were added, or taken back.';
comment on column watchpost.backfill.cursor        is 'The embedding that was reached: older ones are still to be searched. Null: none was yet.';
comment on column watchpost.backfill.searched      is 'Embeddings looked at so far.';
comment on column watchpost.backfill.found         is 'Matches that it has written.';
comment on column watchpost.backfill.finished_at   is 'When there were no older ones left; null: it goes on.';

-- After everything that is live: a job with a smaller number is taken first.
insert into watchpost.subscription (topic, task, batch_size, priority) values
  ('person.enrolled',        'backfill', 64, 10),
  ('watchlist.person_added', 'backfill', 64, 10),
  ('photo.removed',          'backfill', 64, 10),
  ('cannot_link.added',      'backfill', 64, 10),
  ('cannot_link.removed',    'backfill', 64, 10),
  ('backfill.continued',     'backfill',  1, 20);
