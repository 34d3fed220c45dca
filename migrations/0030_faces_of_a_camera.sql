-- How small the faces in a camera's pictures are decides how many of their pixels are searched. It takes the place of the
-- setting WATCHPOST_SMALL_FACES, which was one for all cameras.
alter table watchpost.camera
  add column faces text not null default 'automatic' check (faces in ('near', 'automatic', 'far'));

comment on column watchpost.camera.faces is 'How small the faces in its pictures are: near (a tenth of the picture''s height or more: a door; the cheapest), automatic (looks closer where there seem to be small faces, in up to 1920 pixels), far (every picture in up to 3840 pixels: a square, a grandstand; the dearest). Applies to photos that are processed from then on.';
