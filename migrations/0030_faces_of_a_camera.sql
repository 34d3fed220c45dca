-- How small the faces in a camera's pictures are decides how many of their pixels are searched. It takes the place of the
-- setting WATCHPOST_SMALL_FACES, which was one for all cameras.
alter table watchpost.camera
  add column faces text not null default 'automatic' check (faces in ('near', 'automatic', 'far'));

comment on column watchpost.camera.faces is 'How small the faces in its pictures are: near (a twentieth of the picture''s height or more, as at a door), automatic (looks closer where there seem to be smaller ones, in up to 1920 pixels of width), far (a crowd in a square: searches every pixel of up to 3840, which takes several times as long). Applies to photos that are processed from then on.';
