-- What people make of an alert: who took it up, who confirmed or dismissed it, and when.

alter table watchpost.alert
  add column reviewers_needed    smallint not null default 1 check (reviewers_needed in (1, 2)),
  add column acknowledged_by     text,
  add column acknowledged_at     timestamptz,
  add column confirmed_by        text,
  add column confirmed_at        timestamptz,
  add column second_confirmed_by text,
  add column second_confirmed_at timestamptz,
  add column dismissed_by        text,
  add column dismissed_at        timestamptz,
  add column dismissal           text check (dismissal in ('not_them', 'false_alarm', 'resolved', 'other')),
  add column xid                 xid8 not null default pg_current_xact_id(),
  add constraint alert_acknowledgement check ((acknowledged_by is null) = (acknowledged_at is null)),
  add constraint alert_confirmation check (
    (confirmed_by is null) = (confirmed_at is null)
    and (second_confirmed_by is null) = (second_confirmed_at is null)
    and (second_confirmed_by is null or confirmed_by is not null)
  ),
  add constraint alert_dismissal check (
    (dismissed_by is null) = (dismissed_at is null) and (dismissed_by is null) = (dismissal is null)
  );

-- What was decided before anybody's name was kept.
update watchpost.alert
set acknowledged_by = 'unknown', acknowledged_at = now()
where state = 'acknowledged';
update watchpost.alert
set confirmed_by = 'unknown', confirmed_at = now()
where state = 'confirmed';
update watchpost.alert
set dismissed_by = 'unknown', dismissed_at = now(), dismissal = 'other'
where state = 'dismissed';

alter table watchpost.alert
  -- A null makes a CHECK pass, so each name is asked for before the two are compared.
  add constraint alert_state_is_backed check (
    case state
      when 'acknowledged' then acknowledged_by is not null
      when 'confirmed' then
        confirmed_by is not null
        and (reviewers_needed = 1 or (second_confirmed_by is not null and second_confirmed_by <> confirmed_by))
      when 'dismissed' then dismissed_by is not null
      else num_nonnulls(acknowledged_by, confirmed_by, dismissed_by) = 0
    end
  );

create index alert_state on watchpost.alert (state, last_seen desc);
-- In which order alerts became visible; see alert_stream in the API.
create index alert_xid on watchpost.alert (xid, id);

comment on column watchpost.alert.reviewers_needed    is 'How many different people must confirm it: the list''s reviewers when the alert was raised. Never changed.';
comment on column watchpost.alert.acknowledged_by     is 'Who took it up; api:NAME for an API key, else the database user.';
comment on column watchpost.alert.confirmed_by        is 'Who confirmed first. Where two are needed the state waits for second_confirmed_by, somebody else.';
comment on column watchpost.alert.dismissal           is 'Why it was dismissed. not_them: it is another person. false_alarm, resolved, other.';
comment on column watchpost.alert.xid                 is 'The transaction that raised it: what is below every running transaction is complete, so a reader misses nothing.';


create table watchpost.alert_review (
  id         uuid primary key default watchpost.uuidv7(),
  alert_id   uuid not null references watchpost.alert on delete cascade,
  decision   text not null check (decision in ('acknowledged', 'confirmed', 'dismissed', 'reopened')),
  dismissal  text,
  reviewer   text not null,
  note       text check (note <> ''),
  created_at timestamptz not null default clock_timestamp(),
  check ((decision = 'dismissed') = (dismissal is not null))
);

create index alert_review_alert on watchpost.alert_review (alert_id, id);

comment on table  watchpost.alert_review           is 'Every decision about an alert, in the order they were made. Never changed; goes with its alert.';
comment on column watchpost.alert_review.dismissal is 'Why it was dismissed; null for any other decision.';
comment on column watchpost.alert_review.reviewer  is 'Who decided: watchpost.reviewer().';
