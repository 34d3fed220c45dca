-- What is reported, and what people decide about it.

create table watchpost.alert (
  id                  uuid primary key default watchpost.uuidv7(),
  person_id           uuid not null references watchpost.person on delete cascade,
  watchlist_id        uuid not null references watchpost.watchlist on delete cascade,
  camera_id           uuid references watchpost.camera,
  place               text not null,
  severity            text not null,
  cooldown            interval not null,
  episode             tstzrange not null,
  retroactive         boolean not null default false,
  first_seen          timestamptz not null,
  last_seen           timestamptz not null,
  sightings           integer not null default 1 check (sightings >= 1),
  best_match_id       uuid not null references watchpost.match on delete cascade,
  similarity          real not null,
  state               text not null default 'open' check (state in ('open', 'acknowledged', 'confirmed', 'dismissed')),
  reviewers_needed    smallint not null default 1 check (reviewers_needed in (1, 2)),
  acknowledged_by     text,
  acknowledged_at     timestamptz,
  confirmed_by        text,
  confirmed_at        timestamptz,
  second_confirmed_by text,
  second_confirmed_at timestamptz,
  dismissed_by        text,
  dismissed_at        timestamptz,
  dismissal           text check (dismissal in ('not_them', 'false_alarm', 'resolved', 'other')),
  created_at          timestamptz not null default clock_timestamp(),
  withdrawn_at        timestamptz,
  merged_into         uuid references watchpost.alert on delete set null,
  xid                 xid8 not null default pg_current_xact_id(),
  check (first_seen <= last_seen),
  constraint alert_one_an_episode
    exclude using gist (person_id with =, watchlist_id with =, place with =, retroactive with =, episode with &&)
    where (withdrawn_at is null),
  constraint alert_acknowledgement check ((acknowledged_by is null) = (acknowledged_at is null)),
  constraint alert_confirmation check (
    (confirmed_by is null) = (confirmed_at is null)
    and (second_confirmed_by is null) = (second_confirmed_at is null)
    and (second_confirmed_by is null or confirmed_by is not null)
  ),
  constraint alert_dismissal check (
    (dismissed_by is null) = (dismissed_at is null) and (dismissed_by is null) = (dismissal is null)
  ),
  -- A CHECK passes when it is null, so each name is tested before two are compared.
  constraint alert_state_is_backed check (
    case state
      when 'acknowledged' then acknowledged_by is not null
      when 'confirmed' then
        confirmed_by is not null
        and (reviewers_needed = 1 or (second_confirmed_by is not null and second_confirmed_by <> confirmed_by))
      when 'dismissed' then dismissed_by is not null
      else num_nonnulls(acknowledged_by, confirmed_by, dismissed_by) = 0
    end
  )
)
with (fillfactor = 80);

create index alert_episode on watchpost.alert (person_id, watchlist_id, place, last_seen desc);
-- The order in which they are listed, those of one state and all.
create index alert_state on watchpost.alert (state, last_seen desc, id desc);
create index alert_last_seen on watchpost.alert (last_seen desc, id desc);
-- The order in which alerts became visible, by which the alert stream reads them.
create index alert_xid on watchpost.alert (xid, id);
-- Removing a list deletes its alerts.
create index alert_watchlist on watchpost.alert (watchlist_id);
-- Deleting a match cascades through here.
create index alert_best_match on watchpost.alert (best_match_id);
create index alert_merged_into on watchpost.alert (merged_into) where merged_into is not null;

comment on table  watchpost.alert                  is 'One episode: a person of a watchlist, seen at a place once or several times in a row.';
comment on column watchpost.alert.camera_id        is 'The camera of the latest sighting; where it was at last_seen is in camera_place.';
comment on column watchpost.alert.place            is 'zone:NAME, camera:NAME, or nowhere: what makes two sightings the same episode.';
comment on column watchpost.alert.severity         is 'The list''s severity when the alert was raised.';
comment on column watchpost.alert.cooldown         is 'The list''s cool-down when the alert was raised.';
comment on column watchpost.alert.episode          is 'From the first sighting to the cool-down after the last; a sighting within it extends the alert. Maintained by a trigger.';
comment on column watchpost.alert.retroactive      is 'Raised for what had been seen before the person was enrolled, listed or corrected. It is not sent to endpoints unless the list says so.';
comment on column watchpost.alert.first_seen       is 'captured_at of the earliest photo.';
comment on column watchpost.alert.last_seen        is 'captured_at of the latest photo.';
comment on column watchpost.alert.sightings        is 'How many matches it holds.';
comment on column watchpost.alert.best_match_id    is 'The sighting with the highest similarity.';
comment on column watchpost.alert.similarity       is 'Of the best match.';
comment on column watchpost.alert.reviewers_needed is 'How many different people must confirm it: the list''s reviewers when the alert was raised. Never changed.';
comment on column watchpost.alert.acknowledged_by  is 'Who acknowledged it; api:NAME for an API key, else the database user.';
comment on column watchpost.alert.confirmed_by     is 'Who confirmed first. Where two are needed the state waits for second_confirmed_by, somebody else.';
comment on column watchpost.alert.dismissal        is 'Why it was dismissed. not_them: it is another person. false_alarm, resolved, other.';
comment on column watchpost.alert.withdrawn_at     is 'When the last of its matches was superseded, or another alert absorbed it; null: it is current. It is current again when one of its matches is restored.';
comment on column watchpost.alert.merged_into      is 'The alert that absorbed this one, when a sighting turned out to lie between the two.';
comment on column watchpost.alert.xid              is 'The transaction that raised it. Below the oldest running transaction no alert can be added any more, so a reader misses none.';
comment on constraint alert_one_an_episode on watchpost.alert is 'Sightings of one person at one place within the cool-down are one alert, with any number of workers.';


create table watchpost.alert_match (
  match_id uuid primary key references watchpost.match on delete cascade,
  alert_id uuid not null references watchpost.alert on delete cascade
);

create index alert_match_alert on watchpost.alert_match (alert_id);

comment on table watchpost.alert_match is 'Which alert a match went into. A match goes into one alert, once, and is deleted with it.';


create table watchpost.alert_review (
  id         uuid primary key default watchpost.uuidv7(),
  alert_id   uuid not null references watchpost.alert on delete cascade,
  decision   text not null check (decision in ('acknowledged', 'confirmed', 'dismissed', 'reopened', 'undone')),
  dismissal  text,
  reviewer   text not null constraint alert_review_reviewer_is_token check (watchpost.is_token(reviewer)),
  note       text check (note <> '') constraint alert_review_note_is_text check (watchpost.is_text(note)),
  undoes     uuid unique references watchpost.alert_review,
  before     jsonb,
  created_at timestamptz not null default clock_timestamp() constraint alert_review_created_at_is_time check (watchpost.is_time(created_at)),
  check ((decision = 'dismissed') = (dismissal is not null)),
  constraint alert_review_undoing check ((decision = 'undone') = (undoes is not null))
);

create index alert_review_alert on watchpost.alert_review (alert_id, id);

comment on table  watchpost.alert_review           is 'Every decision about an alert, in the order they were made. Never changed; deleted with its alert.';
comment on column watchpost.alert_review.dismissal is 'Why it was dismissed; null for any other decision.';
comment on column watchpost.alert_review.reviewer  is 'Who decided: watchpost.reviewer().';
comment on column watchpost.alert_review.undoes    is 'The review that this one takes back, when the decision is undone. Each can be taken back once.';
comment on column watchpost.alert_review.before    is 'What undo puts back: the columns of the alert that say what was decided, as they were before this review, and in cannot_links the rows that it deleted.';
