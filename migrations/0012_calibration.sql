-- Measured curves: for each threshold, how many strangers match somebody (FPIR) and how many known people are found.

create table watchpost.calibration (
  id         uuid primary key default watchpost.uuidv7(),
  model_id   text not null references watchpost.model,
  source     text not null check (source <> '') constraint calibration_source_is_text check (watchpost.is_text(source)),
  people     integer not null check (people >= 1),
  photos     integer not null check (photos >= people),
  probes     integer not null check (probes >= 0),
  strangers  integer not null check (strangers >= 1),
  sampled    boolean not null default false,
  command    text not null constraint calibration_command_is_text check (watchpost.is_text(command)),
  created_by text not null constraint calibration_created_by_is_token check (watchpost.is_token(created_by)),
  created_at timestamptz not null default clock_timestamp() constraint calibration_created_at_is_time check (watchpost.is_time(created_at))
);

create index calibration_model on watchpost.calibration (model_id, id desc);

comment on table  watchpost.calibration            is 'One measurement of false-positive and hit rate by threshold, for one model. Its curve is in calibration_point. Append-only.';
comment on column watchpost.calibration.source     is 'Whose faces were compared: references, or the folders.';
comment on column watchpost.calibration.people     is 'People in the gallery.';
comment on column watchpost.calibration.photos     is 'Their photos: each probe was compared with all of them but itself.';
comment on column watchpost.calibration.probes     is 'Photos of people who have another one, each searched against all others, which should match its person.';
comment on column watchpost.calibration.strangers  is 'Faces each searched against other people only, which should match none. A rate below one of them cannot be measured.';
comment on column watchpost.calibration.sampled    is 'Whether only some of the photos were probes, because there were more than max_probes.';
comment on column watchpost.calibration.command    is 'The command or query that repeats it.';
comment on column watchpost.calibration.created_by is 'Who measured: watchpost.actor().';


create table watchpost.calibration_point (
  calibration_id  uuid not null references watchpost.calibration,
  threshold       real not null check (threshold between 0 and 1),
  false_positives integer not null check (false_positives >= 0),
  hits            integer not null check (hits >= 0),
  wrong_names     integer not null check (wrong_names >= 0),
  fpir            real not null check (fpir between 0 and 1),
  hit_rate        real check (hit_rate between 0 and 1),
  primary key (calibration_id, threshold)
);

comment on table  watchpost.calibration_point                 is 'The curve of a calibration: what happens at each threshold from 0 to 1, by 0.001. Append-only.';
comment on column watchpost.calibration_point.false_positives is 'Strangers whose best similarity reaches the threshold.';
comment on column watchpost.calibration_point.hits            is 'Probes whose best person is the right one and reaches the threshold.';
comment on column watchpost.calibration_point.wrong_names     is 'Probes whose best person is another one and reaches the threshold.';
comment on column watchpost.calibration_point.fpir            is 'False-positive identification rate: false_positives of all strangers.';
comment on column watchpost.calibration_point.hit_rate        is 'hits of all probes, 1 - FNIR; null: there were no probes.';
