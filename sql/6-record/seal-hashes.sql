-- The hashes of seals: of a row, of all rows of a seal, and of the chain.
--
--   leaf   = sha256(the row as a JSON array, UTF-8)
--   root   = sha256(id || event id, for handlings || leaf, of all rows of the seal)
--   digest = sha256(digest of the seal before || the seal as a JSON array, root included, UTF-8)
--
-- The arrays are jsonb, whose text depends on neither version nor settings; times are microseconds since 1970 in
-- decimal, floats the eight hex digits of their bits.

create or replace function watchpost.canonical_time(at timestamptz) returns text
language sql stable strict parallel safe
return trim_scale(extract(epoch from at) * 1000000)::text;

comment on function watchpost.canonical_time(timestamptz) is 'Microseconds since 1970: the same in every time zone.';


create or replace function watchpost.event_text(e watchpost.event) returns text
language sql stable parallel safe
return jsonb_build_array(
  'event', e.id, e.topic, e.subject_id, e.image_id, e.payload, e.tasks, watchpost.canonical_time(e.created_at), e.xid::text
)::text;

comment on function watchpost.event_text(watchpost.event) is 'What is hashed of an event: every column.';


create or replace function watchpost.event_leaf(e watchpost.event) returns bytea
language sql stable parallel safe
return sha256(convert_to(watchpost.event_text(e), 'UTF8'));

comment on function watchpost.event_leaf(watchpost.event) is 'The hash by which an event is sealed. Covers every column.';


create or replace function watchpost.handling_leaf(h watchpost.handling) returns bytea
language sql stable parallel safe
return sha256(convert_to(
  jsonb_build_array(
    'handling', h.id, h.event_id, h.task, h.outcome, h.attempt, h.worker_id, watchpost.canonical_time(h.started_at),
    encode(float4send(h.duration_ms), 'hex'), h.code, h.error, watchpost.canonical_time(h.created_at), h.xid::text
  )::text,
  'UTF8'
));

comment on function watchpost.handling_leaf(watchpost.handling) is 'The hash by which a handling is sealed. Covers every column.';


create or replace function watchpost.seal_root(ids uuid[], keys uuid[], leaves bytea[]) returns bytea
language sql immutable parallel safe
return (
  select sha256(coalesce(string_agg(uuid_send(u.id) || coalesce(uuid_send(u.key), '') || u.leaf, '' order by u.place), ''))
  from unnest(ids, keys, leaves) with ordinality as u (id, key, leaf, place)
);

comment on function watchpost.seal_root is 'The hash of all leaves of a seal.';


create or replace function watchpost.seal_text(s watchpost.seal) returns text
language sql stable parallel safe
return jsonb_build_array(
  s.number, s.kind, s.row_count, s.from_xid::text, s.from_id, s.to_xid::text, s.to_id, s.first_key, s.last_key,
  encode(s.root, 'hex'), s.retired, s.restored, watchpost.canonical_time(s.sealed_at)
)::text;

comment on function watchpost.seal_text(watchpost.seal) is 'What is hashed of a seal, with the digest of the seal before: every column but the digest.';


create or replace function watchpost.seal_digest(previous bytea, s watchpost.seal) returns bytea
language sql stable parallel safe
return sha256(previous || convert_to(watchpost.seal_text(s), 'UTF8'));

comment on function watchpost.seal_digest is 'What seal.digest has to be, given the digest of the seal before.';
