-- The photo stays in its row. In a table of its own it cost an INSERT half of its time: a row and a key more, looks for
-- keys that were used before, a foreign key at commit. Setting the column to null drops it as deleting that row did.

-- sql/ has others instead.
drop trigger if exists image_store_bytes on watchpost.image;
drop function if exists watchpost.store_image_bytes();

alter table watchpost.image drop constraint image_bytes_check;
-- Photos are compressed already: trying again costs time and gains nothing.
alter table watchpost.image alter column bytes set storage external;

-- No trigger is on UPDATE yet, so of this comes no event.
update watchpost.image as i set bytes = b.bytes from watchpost.image_bytes as b where b.image_id = i.id;

drop table watchpost.image_bytes;

comment on column watchpost.image.bytes       is 'The encoded photo: JPEG, PNG or WebP, at most 100 MiB. It is never changed; set it to null to drop it and keep what was found in it. null: it was dropped.';
comment on column watchpost.image.byte_length is 'Size of the encoded photo, filled in by the trigger; stays when the bytes are dropped.';
