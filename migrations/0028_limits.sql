-- The limits of src/limits.ts for rows that come by INSERT, so that one that comes over HTTP and one that does not meet
-- the same. A constraint is named by its table, its column and its test (person_name_is_name): src/violations.ts makes
-- code and sentence of that.
--
-- The tests are functions that the planner puts into the statement, at each execution: on watchpost.image three of them
-- took 75 us of 235 for a single-row INSERT, so there the trigger that measures the photo tests, for 3 us. Characters are
-- listed by number, because classes like [[:space:]] depend on the collation of the database.

create function watchpost.is_name(value text) returns boolean
language sql immutable strict parallel safe
return char_length(value) <= 200
  and value !~ '[\u0001-\u001f\u007f-\u009f]'
  and value !~ '^[ \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]|[ \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]$'
  and value ~ '[^ \u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0]';

comment on function watchpost.is_name(text) is 'Whether a text can be a name: one line of 1 to 200 characters that can be seen, without control characters and without white space at its ends.';


create function watchpost.is_token(value text) returns boolean
language sql immutable strict parallel safe
return char_length(value) <= 255
  and value !~ '[\u0001-\u001f\u007f-\u009f]'
  and value ~ '[^ \u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0]';

comment on function watchpost.is_token(text) is 'Whether a text can be the key of another system or name who acts: 1 to 255 characters, no control characters, not blank.';


create function watchpost.is_text(value text) returns boolean
language sql immutable strict parallel safe
return char_length(value) <= 2000;

comment on function watchpost.is_text(text) is 'Whether a note, a reason or a purpose is short enough: 2000 characters.';


create function watchpost.is_url(value text) returns boolean
language sql immutable strict parallel safe
return char_length(value) between 1 and 2000;

comment on function watchpost.is_url(text) is 'Whether a URL is short enough: 1 to 2000 characters. What it may lead to: the constraints of watchpost.endpoint.';


create function watchpost.is_time(value timestamptz) returns boolean
language sql immutable strict parallel safe
return value >= '1826-01-01T00:00:00Z'::timestamptz and value < '10000-01-01T00:00:00Z'::timestamptz;

comment on function watchpost.is_time(timestamptz) is 'Whether a time is one that JSON can tell: from 1826 to 9999, so not infinity.';


create function watchpost.is_interval(value interval) returns boolean
language sql immutable strict parallel safe
return value between '0'::interval and '365 days'::interval;

comment on function watchpost.is_interval(interval) is 'Whether a time span is from nothing to a year.';


create function watchpost.is_metadata(value jsonb) returns boolean
language sql immutable strict parallel safe
return jsonb_typeof(value) = 'object'
  and octet_length(value::text) <= 16384
  and not jsonb_path_exists(value, 'strict $.**{32} ? (@.type() == "object" || @.type() == "array")');

comment on function watchpost.is_metadata(jsonb) is 'Whether a JSON value is an object of 16 KiB at most, as text, and of 32 levels at most.';


-- What the tests above take the place of, and for image sql/2-broker/triggers.sql.
alter table watchpost.camera
  drop constraint camera_name_check, drop constraint camera_location_check, drop constraint camera_zone_check;
alter table watchpost.person
  drop constraint person_name_check, drop constraint person_external_ref_check, drop constraint person_metadata_check;
alter table watchpost.watchlist drop constraint watchlist_name_check, drop constraint watchlist_cooldown_check;
alter table watchpost.endpoint drop constraint endpoint_name_check;
alter table watchpost.api_key drop constraint api_key_name_check;
alter table watchpost.image drop constraint image_idempotency_key_check;

do $$
declare
  rule record;
begin
  for rule in
    select r.relation, a.name, r.test
    from (
      values
        ('camera', 'name,location,zone', 'is_name'),
        ('camera', 'created_at', 'is_time'),
        ('person', 'name', 'is_name'),
        ('person', 'external_ref', 'is_token'),
        ('person', 'metadata', 'is_metadata'),
        ('person', 'created_at', 'is_time'),
        ('person_photo', 'removal_reason', 'is_text'),
        ('person_photo', 'removed_by', 'is_token'),
        ('person_photo', 'created_at,removed_at', 'is_time'),
        ('cannot_link', 'reason', 'is_text'),
        ('cannot_link', 'created_by', 'is_token'),
        ('cannot_link', 'created_at', 'is_time'),
        ('watchlist', 'name', 'is_name'),
        ('watchlist', 'purpose', 'is_text'),
        ('watchlist', 'cooldown', 'is_interval'),
        ('watchlist', 'valid_from,valid_until,created_at,changed_at', 'is_time'),
        ('watchlist_entry', 'created_at', 'is_time'),
        ('alert_review', 'note', 'is_text'),
        ('alert_review', 'reviewer', 'is_token'),
        ('alert_review', 'created_at', 'is_time'),
        ('endpoint', 'name', 'is_name'),
        ('endpoint', 'url', 'is_url'),
        ('endpoint', 'disabled_reason', 'is_text'),
        ('endpoint', 'time_to_live', 'is_interval'),
        ('endpoint', 'created_at,removed_at', 'is_time'),
        ('endpoint_secret', 'valid_until,created_at', 'is_time'),
        ('api_key', 'name', 'is_name'),
        ('api_key', 'created_at,revoked_at', 'is_time'),
        ('calibration', 'created_by', 'is_token'),
        ('calibration', 'source,command', 'is_text'),
        ('calibration', 'created_at', 'is_time'),
        ('unknowns_setting', 'visit_gap', 'is_interval'),
        ('stranger', 'named_by', 'is_token'),
        ('stranger', 'named_at,created_at', 'is_time'),
        ('subscription', 'topic,task,queue_by', 'is_token'),
        ('subscription', 'created_at', 'is_time'),
        ('task_pause', 'task,paused_by', 'is_token'),
        ('task_pause', 'paused_at', 'is_time')
    ) as r (relation, columns, test)
    cross join unnest(string_to_array(r.columns, ',')) as a (name)
  loop
    execute format(
      'alter table watchpost.%I add constraint %I check (watchpost.%I(%I))',
      rule.relation, concat_ws('_', rule.relation, rule.name, rule.test), rule.test, rule.name
    );
  end loop;
end;
$$;

-- NaN counts as greater than every number, so it is refused with what is beyond the upper bound.
alter table watchpost.match add constraint match_similarity_is_number check (similarity < 'infinity');
alter table watchpost.embedding add constraint embedding_norm_is_number check (norm < 'infinity');
alter table watchpost.person_photo
  drop constraint person_photo_chosen_face_check,
  add constraint person_photo_chosen_face_check check (chosen_face between 1 and 1000),
  add constraint person_photo_accept_length check (cardinality(accept) <= 100);
alter table watchpost.retention
  drop constraint retention_age_check,
  add constraint retention_age_check check (age between '0' and '1000 years');
