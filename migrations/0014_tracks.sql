-- People followed over the frames of a camera.

create table watchpost.track (
  id              uuid primary key default watchpost.uuidv7(),
  camera_id       uuid not null references watchpost.camera on delete cascade,
  began_at        timestamptz not null,
  ended_at        timestamptz not null,
  faces           integer not null default 0 check (faces >= 0),
  looks           integer not null default 0 check (looks between 0 and faces),
  best            uuid[] not null default '{}',
  quality         real,
  face_id         uuid unique references watchpost.face on delete set null,
  model_id        text references watchpost.model,
  vector          halfvec,
  revision        integer not null default 0 check (revision >= 0),
  announced_looks integer not null default 0,
  created_at      timestamptz not null default clock_timestamp(),
  check (began_at <= ended_at),
  check ((vector is null) = (model_id is null))
)
-- Changed by every frame; with a third of each page free most new versions stay on their page.
with (fillfactor = 70);

-- As of other vectors, the planner's statistics would keep what was erased.
alter table watchpost.track alter column vector set statistics 0;

create index track_camera on watchpost.track (camera_id, began_at desc);
create index track_began_at on watchpost.track (began_at desc, id desc);

comment on table  watchpost.track                 is 'One passage of a person before one camera: the faces of its frames that are tied by place and likeness. Of cameras with frames_per_second only.';
comment on column watchpost.track.began_at        is 'captured_at of the first frame.';
comment on column watchpost.track.ended_at        is 'captured_at of the last frame so far.';
comment on column watchpost.track.faces           is 'Its faces, without superseded ones. 0: all of them are being detected again.';
comment on column watchpost.track.looks           is 'Those of its faces that are good enough to be compared: whose face.quality is above 0.';
comment on column watchpost.track.best            is 'The faces that are fused, the best one first: see watchpost.track_rules().';
comment on column watchpost.track.quality         is 'face.quality of the best one; null: there was no good face yet.';
comment on column watchpost.track.face_id         is 'The face that stands for the track: its searches and matches are those of the track. Null: there was no good face yet.';
comment on column watchpost.track.model_id        is 'Of the vector.';
comment on column watchpost.track.vector          is 'The best faces fused, as it is searched; unit length. Replaced when it has moved enough, with a new revision.';
comment on column watchpost.track.revision        is 'How often the track was given to be searched.';
comment on column watchpost.track.announced_looks is 'looks when it was given to be searched last.';

alter table watchpost.face
  add column track_id uuid references watchpost.track on delete set null,
  add column quality real check (quality >= 0);

create index face_track on watchpost.face (track_id) where track_id is not null;
create unique index face_once_a_track on watchpost.face (image_id, track_id) where track_id is not null and superseded_at is null;

comment on column watchpost.face.track_id is 'The track it is part of; null: of a single photo, or not tied yet. A face that is superseded keeps its track.';
comment on column watchpost.face.quality  is 'How good a view it is for its track, 0 if it is too poor to be compared: watchpost.quality_of(). Null: of no track.';
comment on index watchpost.face_once_a_track is 'A track has at most one face of a frame.';
