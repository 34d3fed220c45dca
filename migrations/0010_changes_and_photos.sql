-- Changes of lists, people and photos go on record; who is enrolled is checked against who is enrolled already.

alter table watchpost.person_photo
  add constraint person_photo_accept check (
    accept <@ array[
      'face_small', 'face_low_score', 'face_blurred', 'face_profile', 'face_tilted', 'face_low_norm', 'face_unlike',
      'face_of_another'
    ]
  );

-- A photo that is taken back takes the matches with it that rested on it. Deleting a reference looks here, too.
create index match_reference on watchpost.match (reference_id);

-- It takes accept besides; see sql/4-people/enrolment.sql.
drop function if exists watchpost.add_person_photo(uuid, bytea, smallint, text);

comment on table  watchpost.person_photo             is 'A photo handed in to enrol a person, or a face of a frame that was made one. It becomes a reference, or photo_status tells why not.';
comment on column watchpost.person_photo.image_id    is 'One photo may enrol several people, each by a face of their own.';
comment on column watchpost.person_photo.removed_by  is 'actor() of the transaction that took it back.';
