-- Where the frames of cameras come from: credentials, and which worker watches which camera.

-- Deferred: the trigger of camera writes it before the row of the camera is there.
create table watchpost.camera_secret (
  camera_id  uuid primary key references watchpost.camera on delete cascade deferrable initially deferred,
  userinfo   text not null constraint camera_secret_userinfo_is_url check (watchpost.is_url(userinfo)),
  changed_at timestamptz not null default clock_timestamp()
);

comment on table  watchpost.camera_secret            is 'The credentials of camera.source, taken out of it when it is written. In a table of its own, which neither watchpost_reader nor an API key may read.';
comment on column watchpost.camera_secret.userinfo   is 'As in a URL: user:password, percent-encoded.';
comment on column watchpost.camera_secret.changed_at is 'A change connects to the source again.';


create table watchpost.camera_watch (
  camera_id    uuid primary key references watchpost.camera on delete cascade,
  watcher      uuid,
  leased_until timestamptz not null,
  since        timestamptz not null default clock_timestamp(),
  state        text not null default 'connecting' check (state in ('connecting', 'watching', 'ended')),
  problem      text constraint camera_watch_problem_is_text check (watchpost.is_text(problem)),
  position     text constraint camera_watch_position_is_text check (watchpost.is_text(position)),
  connected_at timestamptz,
  last_frame_at timestamptz,
  read         bigint not null default 0,
  submitted    bigint not null default 0,
  known        bigint not null default 0,
  dropped      bigint not null default 0,
  reconnects   bigint not null default 0
)
with (fillfactor = 50);

comment on table  watchpost.camera_watch              is 'Which worker takes the frames of a camera with a source, and how that goes. One at a time: a lease, which another worker takes when it has ended.';
comment on column watchpost.camera_watch.watcher      is 'The worker, by its id; null: it was released, and the next one may take it.';
comment on column watchpost.camera_watch.leased_until is 'Until then nobody else takes it. Extended each second.';
comment on column watchpost.camera_watch.since        is 'Since when this watcher has it.';
comment on column watchpost.camera_watch.state        is 'connecting: or waiting to connect again. watching: frames come. ended: the source has no more frames, as at the end of a video.';
comment on column watchpost.camera_watch.problem      is 'Why there are no frames at the moment, without credentials; null: there are, or nothing is known.';
comment on column watchpost.camera_watch.position     is 'How far a source has been read that has an order of its own, as a bucket; null: it begins anew.';
comment on column watchpost.camera_watch.connected_at is 'Since when frames come, without a break; null: none come.';
comment on column watchpost.camera_watch.last_frame_at is 'When the latest frame was read.';
comment on column watchpost.camera_watch.read         is 'Frames that came from the source, at the rate of the camera; this and the following since the camera was first watched.';
comment on column watchpost.camera_watch.submitted    is 'Frames that became images.';
comment on column watchpost.camera_watch.known        is 'Frames that were images already, as those of a video that is read again.';
comment on column watchpost.camera_watch.dropped      is 'Frames that were dropped because newer ones came before the workers were free.';
comment on column watchpost.camera_watch.reconnects   is 'How often the source had to be connected to again.';
