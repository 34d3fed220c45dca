-- What all tables need: keys, tests of values, who acts, and sites.

create extension if not exists vector;
-- Exclusion constraints that combine uuid and text with ranges.
create extension if not exists btree_gist;
-- The index by which people are found by a part of their name.
create extension if not exists pg_trgm;

-- keys ----------------------------------------------------------------------------------------------------------------

-- RFC 9562 UUIDv7: 48 bits of Unix milliseconds, the version, 12 bits of the fraction of that millisecond, the variant
-- and 62 random bits, so the keys that one server makes sort by time to a quarter of a microsecond. PostgreSQL 18 has
-- uuidv7() built in and 17 has not; with this one both make the same keys.
--
-- Milliseconds and their fraction in 1/4096 are one count, 4,096,000 a second: eleven hex digits (the first is 0 until
-- the year 2527), the version, three digits more. It is one SQL expression, which the planner inlines: a plpgsql
-- function is planned again at each change of search_path, which cost 75 us of a single-row INSERT.
create function watchpost.uuidv7() returns uuid
language sql volatile parallel safe
return (
  '0' || overlay(to_hex((date_part('epoch', clock_timestamp()) * 4096000)::bigint) placing '7' from 12 for 0)
  || substr(gen_random_uuid()::text, 20)
)::uuid;

comment on function watchpost.uuidv7() is 'A UUID that sorts by time: the default of primary keys.';


-- The random bits come from the session's generator, which is seeded once, instead of the cryptographic one: 1.5 us a
-- key instead of 2.4 to 6. They only have to be different; who knows an event's key can do nothing with it.
create function watchpost.record_key() returns uuid
language sql volatile parallel restricted
return (
  '0' || overlay(to_hex((date_part('epoch', clock_timestamp()) * 4096000)::bigint) placing '7' from 12 for 0)
  -- Begins with the bits 10, the variant; 52 of the others are random.
  || to_hex(-9223372036854775808 + (random() * 4611686018427387904)::bigint)
)::uuid;

comment on function watchpost.record_key() is 'A UUID like that of uuidv7(), faster to make and possible to guess: the default key of event and handling.';


-- event, handling and search are partitioned by key, so a bound on time has to be made a bound on the key.
create function watchpost.uuidv7_at(moment timestamptz) returns uuid
language plpgsql immutable strict parallel safe
as $$
declare
  micros bigint := extract(epoch from moment) * 1000000;
begin
  -- The second half is a 1 and 63 zeros. A literal of a bytea would be read as the session's
  -- standard_conforming_strings says, which is the client's.
  return encode(
    int8send((micros / 1000 << 16) | 28672 | ((micros % 1000) * 4096 / 1000)) || int8send('-9223372036854775808'),
    'hex'
  )::uuid;
end;
$$;

comment on function watchpost.uuidv7_at(timestamptz) is 'The smallest key that uuidv7() makes at a moment: where id >= watchpost.uuidv7_at(now() - interval ''1 hour'').';


create function watchpost.uuidv7_time(key uuid) returns timestamptz
language sql immutable strict parallel safe
return to_timestamp(('x' || translate(left(key::text, 13), '-', ''))::bit(48)::bigint / 1000.0);

comment on function watchpost.uuidv7_time(uuid) is 'When a key was made, to the millisecond.';

-- tests of values -----------------------------------------------------------------------------------------------------

-- The limits of src/limits.ts, so that INSERT and HTTP accept the same values. A constraint that uses one is named
-- TABLE_COLUMN_TEST (person_name_is_name), from which src/violations.ts makes the error code and the sentence.
--
-- The planner inlines them at each execution, which cost 75 us of the 235 of a single-row INSERT into image: there a
-- trigger tests instead (sql/3-stages), for 3 us. Characters are listed by number, because classes like [[:space:]]
-- depend on the collation of the database.

create function watchpost.is_name(value text) returns boolean
language sql immutable strict parallel safe
return char_length(value) <= 200
  and value !~ '[\u0001-\u001f\u007f-\u009f]'
  and value !~ '^[ \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]|[ \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]$'
  and value ~ '[^ \u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0]';

comment on function watchpost.is_name(text) is 'Whether a text is a name: one line of 1 to 200 characters, at least one of them visible, without control characters and without white space at its ends.';


create function watchpost.is_token(value text) returns boolean
language sql immutable strict parallel safe
return char_length(value) <= 255
  and value !~ '[\u0001-\u001f\u007f-\u009f]'
  and value ~ '[^ \u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0]';

comment on function watchpost.is_token(text) is 'Whether a text can be a key of another system, or the name of who acts: 1 to 255 characters, no control characters, not blank.';


create function watchpost.is_text(value text) returns boolean
language sql immutable strict parallel safe
return char_length(value) <= 2000;

comment on function watchpost.is_text(text) is 'Whether a note, a reason or a purpose is short enough: 2000 characters.';


create function watchpost.is_url(value text) returns boolean
language sql immutable strict parallel safe
return char_length(value) between 1 and 2000;

comment on function watchpost.is_url(text) is 'Whether a URL has 1 to 2000 characters. Which URLs are allowed: see the constraints of watchpost.endpoint.';


create function watchpost.is_time(value timestamptz) returns boolean
language sql immutable strict parallel safe
return value >= '1826-01-01T00:00:00Z'::timestamptz and value < '10000-01-01T00:00:00Z'::timestamptz;

comment on function watchpost.is_time(timestamptz) is 'Whether a time can be written in JSON: from 1826 to 9999, so not infinity.';


create function watchpost.is_interval(value interval) returns boolean
language sql immutable strict parallel safe
return value between '0'::interval and '365 days'::interval;

comment on function watchpost.is_interval(interval) is 'Whether a time span is between 0 and a year.';


create function watchpost.is_limit(value integer) returns boolean
language sql immutable strict parallel safe
return value between 1 and 1000000;

comment on function watchpost.is_limit(integer) is 'Whether a limit of an API key is between 1 and a million.';


create function watchpost.is_metadata(value jsonb) returns boolean
language sql immutable strict parallel safe
return jsonb_typeof(value) = 'object'
  and octet_length(value::text) <= 16384
  and not jsonb_path_exists(value, 'strict $.**{32} ? (@.type() == "object" || @.type() == "array")');

comment on function watchpost.is_metadata(jsonb) is 'Whether a JSON value is an object of at most 16 KiB, as text, and at most 32 levels.';


create function watchpost.is_given(value text) returns boolean
language sql immutable strict parallel safe
return value ~ '[^\s\u00a0\u00ad\u1680\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff]';

comment on function watchpost.is_given(text) is 'Whether a purpose says anything: it is not blank.';


create function watchpost.is_basis(value text) returns boolean
language sql immutable strict parallel safe
return value = any (array[
  'consent', 'explicit_consent', 'contract', 'legal_obligation', 'vital_interest', 'public_task', 'legitimate_interest',
  'substantial_public_interest', 'law_enforcement', 'unspecified'
]);

comment on function watchpost.is_basis(text) is 'Whether a text is a legal basis: those of GDPR Art. 6(1), explicit_consent and substantial_public_interest of Art. 9(2), law_enforcement of Directive (EU) 2016/680; unspecified: nobody has said yet.';

-- who acts ------------------------------------------------------------------------------------------------------------

create function watchpost.actor() returns text
language sql stable
-- No longer than a name of a key can be: it goes into events, which are never changed. In the form in which names are
-- compared, so that two reviewers are not one person whose name is written in two ways. The setting is that of an
-- application, which writes events in somebody's name; whoever else makes it stays who they are.
return left(
  normalize(
    coalesce(
      case
        when has_any_column_privilege(session_user, 'watchpost.event', 'insert')
        then nullif(current_setting('watchpost.actor', true), '')
      end,
      session_user
    ),
    nfc
  ),
  255
);

comment on function watchpost.actor() is 'Who acts in this transaction: the setting watchpost.actor, which the API sets for its caller; without it, and for users who are no application, the database user.';

-- sites ---------------------------------------------------------------------------------------------------------------

-- Both are needed by the defaults of tables; what they ask is in sql/1-base/scope.sql.
create function watchpost.default_site() returns uuid
language plpgsql stable
as $$
begin
  if watchpost.sees_all() then
    return '00000000-0000-7000-8000-000000000000';
  end if;
  return (select s from unnest(watchpost.my_sites()) as s order by s limit 1);
end;
$$;

comment on function watchpost.default_site() is 'The site of what is added without one: the first of all sites, or the first that whoever acts may see.';


create function watchpost.own_site() returns uuid
language plpgsql stable
as $$
begin
  return case when not watchpost.sees_all() then watchpost.default_site() end;
end;
$$;

comment on function watchpost.own_site() is 'The first site that whoever acts may see; null for those who see all.';


create table watchpost.site (
  id         uuid primary key default watchpost.uuidv7(),
  name       text not null unique constraint site_name_is_name check (watchpost.is_name(name)),
  created_at timestamptz not null default now() constraint site_created_at_is_time check (watchpost.is_time(created_at))
);

comment on table  watchpost.site      is 'A part of the installation whose cameras, lists and people others do not see: row-level security, see docs/sites.md. The first one is there from the beginning, and everything is in it until there is another.';
comment on column watchpost.site.name is 'For example north. The first site is called default, and can be renamed.';

insert into watchpost.site (id, name) values ('00000000-0000-7000-8000-000000000000', 'default');


create table watchpost.site_member (
  role    name not null,
  site_id uuid not null references watchpost.site on delete cascade,
  primary key (role, site_id)
);

create index site_member_site on watchpost.site_member (site_id);

comment on table  watchpost.site_member      is 'Which database users see which sites. One without a row sees the first site only; the owner of the tables, superusers and watchpost_work see all.';
comment on column watchpost.site_member.role is 'A user, or a role of which users are members.';


create type watchpost.scope as (sites uuid[], cameras uuid[], watchlists uuid[]);

comment on type watchpost.scope is 'What somebody may see: of these sites, and if they are not null, of these cameras and lists. See my_scope().';
