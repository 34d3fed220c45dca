-- What events say about people: names, keys, metadata, reasons and notes. An event is sealed and kept for as long as the
-- record is; so it holds a salted hash, and what was hashed is a row of event_content, which an erasure deletes with its
-- salt. The event then can still be verified, and says nothing any more.
--
-- The queue has the payload of the event itself: a consumer asks event_payload(event_id) for the whole one.

create or replace function watchpost.content_hash(salt bytea, content jsonb) returns text
language sql immutable strict parallel safe
return encode(sha256(salt || convert_to(content::text, 'UTF8')), 'hex');

comment on function watchpost.content_hash is 'What content_sha256 of an event has to be: SHA-256 of the salt and the content as text, in hex.';


-- facts: {subject_id, image_id?, person_id, other_person_id?, payload, content}. What an erasure itself leads to is about a
-- person who is to be forgotten: of that the content is not kept.
create or replace function watchpost.emit_personal(of_topic text, facts jsonb[]) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  is_erasing constant boolean := coalesce(current_setting('watchpost.erasing', true), '') <> '';
begin
  with salted as materialized (
    select
      f.place,
      f.fact,
      case when not is_erasing then nullif(f.fact -> 'content', 'null') end as content,
      uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) as salt
    from unnest(facts) with ordinality as f (fact, place)
  ),
  made as materialized (
    select s.*, watchpost.content_hash(s.salt, s.content) as hash from salted as s
  ),
  written as (
    insert into watchpost.event (topic, subject_id, image_id, payload, tasks)
    select
      of_topic, (m.fact ->> 'subject_id')::uuid, (m.fact ->> 'image_id')::uuid,
      m.fact -> 'payload' || jsonb_strip_nulls(jsonb_build_object('content_sha256', m.hash)), t.tasks
    from made as m
    cross join (select watchpost.subscribers(of_topic) as tasks) as t
    order by m.place
    returning id, payload ->> 'content_sha256' as hash
  )
  insert into watchpost.event_content (event_id, person_id, other_person_id, salt, content)
  select w.id, (m.fact ->> 'person_id')::uuid, (m.fact ->> 'other_person_id')::uuid, m.salt, m.content
  from written as w
  join made as m on m.hash = w.hash;
end;
$$;

comment on function watchpost.emit_personal is 'Writes events of a topic, with what they say about people in event_content. content null: an event without.';


create or replace view watchpost.full_event with (security_invoker = true) as
select
  e.id,
  e.topic,
  e.subject_id,
  e.image_id,
  case when c.event_id is null then e.payload else e.payload - 'content_sha256' || c.content end as payload,
  e.payload ? 'content_sha256' and c.event_id is null as erased,
  e.tasks,
  e.created_at,
  e.xid,
  -- As text, because a consumer of your own may write events whose person_id is none of ours.
  e.payload ->> 'person_id' as person_id
from watchpost.event as e
left join watchpost.event_content as c on c.event_id = e.id;

comment on view   watchpost.full_event         is 'Every event with all that it says. Of one about a person who was erased, what is left: ids, times and who did it.';
comment on column watchpost.full_event.payload is 'That of the event, with the content of event_content in place of its hash.';
comment on column watchpost.full_event.erased  is 'Whether what it said about a person was erased.';
comment on column watchpost.full_event.person_id is 'The person whom it is about, as of when it happened: a merge changes no event.';


create or replace function watchpost.event_payload(event uuid) returns jsonb
language plpgsql stable
as $$
begin
  return (select e.payload from watchpost.full_event as e where e.id = event_payload.event);
end;
$$;

comment on function watchpost.event_payload(uuid) is 'The whole payload of an event, with what it says about people: for a consumer, which is given the event_id.';


create or replace function watchpost.keep_event_content() returns trigger
language plpgsql
as $$
begin
  if tg_op = 'DELETE' and concat(current_setting('watchpost.erasing', true), current_setting('watchpost.retiring', true)) <> '' then
    return null;
  end if;
  raise exception 'What an event says about a person is never changed, and deleted by an erasure only.'
    using errcode = 'WP020',
          hint = 'select watchpost.erase_person(id) removes a person and what events say about them; it leaves a receipt.';
end;
$$;

comment on function watchpost.keep_event_content() is 'Refuses any change of what events say (WP020), unless an erasure deletes it, or retention with its event.';

create or replace trigger event_content_keep before update or delete or truncate on watchpost.event_content
for each statement execute function watchpost.keep_event_content();
