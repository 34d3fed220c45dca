-- What may be changed in a row of image: the limits are those of a new row (sql/3-stages/receive.sql), and its bytes
-- can only be dropped.

create or replace function watchpost.check_image() returns trigger
language plpgsql
as $$
begin
  new.submitted_by := normalize(new.submitted_by, nfc);
  new.idempotency_key := normalize(new.idempotency_key, nfc);
  perform watchpost.refuse_image(new);
  return new;
end;
$$;

comment on function watchpost.check_image() is 'Refuses changes that put a row beyond the limits, see refuse_image; puts names and keys into the form in which they are compared.';

create or replace trigger image_check before update of captured_at, received_at, submitted_by, idempotency_key on watchpost.image
for each row execute function watchpost.check_image();


create or replace function watchpost.keep_image_bytes() returns trigger
language plpgsql
as $$
begin
  -- The same photo, encrypted or decrypted.
  if old.bytes is not null and watchpost.plain_sha256(new.bytes) = old.sha256 then
    return new;
  end if;
  raise exception 'A photo is never changed.'
    using errcode = 'WP008', hint = 'Drop it with bytes = null; insert a new row for another photo.';
end;
$$;

comment on function watchpost.keep_image_bytes() is 'Refuses another photo than the one that was submitted, also after this was dropped (WP008).';

-- The test for null comes first: dropping a photo need not read it.
create or replace trigger image_keep_bytes before update of bytes on watchpost.image
for each row when (new.bytes is not null and new.bytes is distinct from old.bytes)
execute function watchpost.keep_image_bytes();
