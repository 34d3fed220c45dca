-- Verifying what events say about people, and the receipts of erasures.

create or replace function watchpost.was_erased(payload jsonb) returns boolean
language plpgsql stable
as $$
declare
  ids constant uuid[] := array_remove(array[(payload ->> 'person_id')::uuid, (payload ->> 'merged_id')::uuid], null);
begin
  return exists (
    select
    from watchpost.erasure as r
    where r.people && ids
      and (
        r.finished_at is null
        or exists (select from watchpost.event as e where e.subject_id = r.subject_id and e.topic = 'erased')
      )
  );
end;
$$;

comment on function watchpost.was_erased(jsonb) is 'Whether somebody whom this payload is about was erased, on record, or is being erased.';


create or replace function watchpost.verify_contents(s watchpost.seal, most bigint) returns table (what text, row_id uuid, detail text)
language plpgsql stable
as $$
begin
  if s.kind <> 'event' then
    return;
  end if;
  return query
  select w.what, w.id, w.detail
  from (
    select
      e.id,
      e.xid,
      case
        when e.topic = 'erased' then 'receipt_altered'
        when c.event_id is null then 'content_missing'
        else 'content_altered'
      end as what,
      case
        when e.topic = 'erased' then 'The receipt of this erasure is gone, or not as it was when it was sealed.'
        when c.event_id is null then 'What it says about a person is gone, and no erasure of them is on record.'
        else 'What it says about a person is not what was sealed.'
      end as detail,
      case
        when e.topic = 'erased' then not exists (
          select
          from watchpost.erasure as r
          where r.id = (e.payload ->> 'erasure_id')::uuid
            and watchpost.erased_payload(
              r.id, r.what, r.subject_id, r.people, r.with_matched_faces, r.counts, r.hashes, r.actor
            ) = e.payload
        )
        when c.event_id is null then not watchpost.was_erased(e.payload)
        else watchpost.content_hash(c.salt, c.content) <> e.payload ->> 'content_sha256'
      end as is_wrong
    from watchpost.event as e
    left join watchpost.event_content as c on c.event_id = e.id
    where (e.xid, e.id) > (s.from_xid, s.from_id)
      and (e.xid, e.id) <= (s.to_xid, s.to_id)
      and (e.payload ? 'content_sha256' or e.topic = 'erased')
  ) as w
  where w.is_wrong
  order by w.xid, w.id
  limit most;
end;
$$;

comment on function watchpost.verify_contents is 'Part of verify_seals: compares what events say about people with the hashes in the events of one seal, and receipts of erasures with their events.';
