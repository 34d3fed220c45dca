-- Frames of cameras in which nothing has moved: no model is run over them.

alter table watchpost.camera add column still_difference real default 5 check (still_difference > 0 and still_difference <= 255);

comment on column watchpost.camera.still_difference is 'A frame that differs from one of the last ten seconds by no more than this is still: nothing has moved, and no model is run. The largest difference of a 32nd of its width, 0 to 255: noise of a camera stays below 3.5, faces of an audience that sits still differ by 6 and more. Null: each frame is searched. Of a camera with frames_per_second only.';


create table watchpost.still_frame (
  image_id    uuid primary key references watchpost.image on delete cascade,
  of_image_id uuid not null references watchpost.image on delete cascade,
  difference  real not null check (difference >= 0),
  check (image_id <> of_image_id)
);

create index still_frame_of on watchpost.still_frame (of_image_id);

comment on table  watchpost.still_frame             is 'Frames in which nothing had moved since an earlier one of the camera: whoever was seen in that one was still there, and no model was run. Erased with it.';
comment on column watchpost.still_frame.of_image_id is 'The frame that it is like, which was searched.';
comment on column watchpost.still_frame.difference  is 'How much they differ: see camera.still_difference.';
