-- What faces look like: estimates of age and gender, made only where somebody has switched that on.

alter table watchpost.model
  drop constraint model_role_check,
  add constraint model_role_check check (role in ('detector', 'landmarks', 'embedder', 'describer'));


create table watchpost.demography (
  id            uuid primary key default watchpost.uuidv7(),
  face_id       uuid not null references watchpost.face on delete cascade,
  model_id      text not null references watchpost.model,
  age           real not null check (age between 0 and 200),
  male          real not null check (male between 0 and 1),
  created_at    timestamptz not null default clock_timestamp(),
  superseded_at timestamptz
);

create unique index demography_standing on watchpost.demography (face_id, model_id) where superseded_at is null;
create index demography_face on watchpost.demography (face_id);

comment on table  watchpost.demography               is 'What age and gender a model takes a face for. Guesses about a picture, no facts about a person; empty unless describe is switched on.';
comment on column watchpost.demography.age           is 'In years. Wrong by 4.5 on average in its authors'' tests, by 6 between 60 and 80, by 10 beyond.';
comment on column watchpost.demography.male          is 'The model''s probability of male, 0 to 1; it knows male and female only. Wrong for 5 of 100 in its authors'' tests, for 31 of 100 up to the age of 3.';
comment on column watchpost.demography.superseded_at is 'When another one took its place, or its face was superseded; null: it stands.';


-- Off until somebody switches it on, which is recorded.
insert into watchpost.subscription (topic, task, enabled, batch_size, priority) values
  -- A photo that is begun is finished, what its alert needs first.
  ('face.detected',         'describe', false, 8, -5),
  -- Faces of the past wait for every photo that comes in.
  ('description.requested', 'describe', false, 8, 10);
