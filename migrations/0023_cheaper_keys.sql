-- A key as uuidv7() makes it, but for where its random bits come from: the session's own generator, which is seeded once
-- by the strong one that gen_random_uuid() asks each time. They keep keys of one moment apart; nobody needs to be unable
-- to guess them, as knowing the key of an event opens nothing. 1.5 us a key instead of 2.4 to 6, and a statement of many
-- photos 29 us a photo instead of 33.
create function watchpost.record_key() returns uuid
language sql volatile parallel restricted
return (
  '0' || overlay(to_hex((date_part('epoch', clock_timestamp()) * 4096000)::bigint) placing '7' from 12 for 0)
  -- Begins with the bits 10, the variant; 52 of the others are random.
  || to_hex(-9223372036854775808 + (random() * 4611686018427387904)::bigint)
)::uuid;

comment on function watchpost.record_key() is 'A time-ordered UUID like that of uuidv7(), made faster and not hard to guess: the default key of event and handling.';

alter table watchpost.event alter column id set default watchpost.record_key();
alter table watchpost.handling alter column id set default watchpost.record_key();

comment on column watchpost.outbox.payload is 'The event''s payload. The relay adds the event_id: one item of a job''s payload.';
