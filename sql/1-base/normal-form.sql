-- Texts that are compared are stored in Unicode's normalization form C.
--
-- "José" can be written with four characters or, as a Mac writes the names of files, with five. The two look the same and
-- are not equal, so a list could be there twice, and a person not be found. src/fields.ts does the same for HTTP and the
-- command line; functions that find by name normalize what they are given. The triggers of image do it themselves, as each
-- trigger more on that table costs time (sql/3-stages/receive.sql).

create or replace function watchpost.normalize_columns() returns trigger
language plpgsql
as $$
declare
  changed text;
  value text;
begin
  foreach changed in array tg_argv loop
    execute format('select normalize(($1).%I, nfc)', changed) into value using new;
    new := jsonb_populate_record(new, jsonb_build_object(changed, value));
  end loop;
  return new;
end;
$$;

comment on function watchpost.normalize_columns() is 'Puts the columns that the trigger names into normalization form C, in which texts are compared.';

-- Tested in WHEN, so that the function runs for the rare row only: the test costs 0.2 us.
create or replace trigger person_normal_form before insert or update of name, external_ref on watchpost.person
for each row when (new.name is not nfc normalized or new.external_ref is not nfc normalized)
execute function watchpost.normalize_columns('name', 'external_ref');

create or replace trigger watchlist_normal_form before insert or update of name on watchpost.watchlist
for each row when (new.name is not nfc normalized)
execute function watchpost.normalize_columns('name');

create or replace trigger camera_normal_form before insert or update of name, location, zone on watchpost.camera
for each row when (new.name is not nfc normalized or new.location is not nfc normalized or new.zone is not nfc normalized)
execute function watchpost.normalize_columns('name', 'location', 'zone');

create or replace trigger plan_normal_form before insert or update of name on watchpost.plan
for each row when (new.name is not nfc normalized)
execute function watchpost.normalize_columns('name');

create or replace trigger endpoint_normal_form before insert or update of name on watchpost.endpoint
for each row when (new.name is not nfc normalized)
execute function watchpost.normalize_columns('name');

create or replace trigger bridge_normal_form before insert or update of name on watchpost.bridge
for each row when (new.name is not nfc normalized)
execute function watchpost.normalize_columns('name');

create or replace trigger api_key_normal_form before insert or update of name on watchpost.api_key
for each row when (new.name is not nfc normalized)
execute function watchpost.normalize_columns('name');
