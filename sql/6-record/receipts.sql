-- Receipts: what an erasure, or a batch of the purge, has removed, in counts and hashes, and the event that seals it.
--
-- emits erased

-- Of an erasure whose rows are all gone, and of a batch of the purge.
create or replace function watchpost.write_receipt(of_erasure uuid) returns watchpost.erasure
language plpgsql
as $$
declare
  receipt watchpost.erasure;
begin
  update watchpost.erasure as e
  set (counts, hashes) = (
        select coalesce(jsonb_object_agg(n.relation, n.rows), '{}'), coalesce(jsonb_object_agg(n.relation, n.hash), '{}')
        from (
          select l.relation, count(*) as rows, encode(sha256(string_agg(l.leaf, '' order by l.leaf)), 'hex') as hash
          from watchpost.erasure_leaf as l
          where l.erasure_id = e.id
          group by l.relation
        ) as n
      ),
      finished_at = clock_timestamp(), key = null
  where e.id = of_erasure
  returning e.* into receipt;
  delete from watchpost.erasure_leaf as l where l.erasure_id = receipt.id;
  insert into watchpost.event (topic, subject_id, payload, tasks)
  values ('erased', receipt.subject_id, watchpost.erased_payload(
      receipt.id, receipt.what, receipt.subject_id, receipt.people, receipt.with_matched_faces, receipt.counts,
      receipt.hashes, receipt.actor
    ), watchpost.subscribers('erased'));
  return receipt;
end;
$$;

comment on function watchpost.write_receipt(uuid) is 'Part of finish_erasure and finish_purge: writes the receipt, from the hashes of the removed rows, and the event erased.';


-- Not of the whole row, whose key only its owner reads.
create or replace function watchpost.erased_payload(
  erasure uuid, what text, subject_id uuid, people uuid[], with_matched_faces boolean, counts jsonb, hashes jsonb, actor text
) returns jsonb
language sql immutable
return jsonb_build_object(
  'erasure_id', erasure, 'what', what, 'subject_id', subject_id, 'people', people,
  'with_matched_faces', with_matched_faces, 'counts', counts, 'hashes', hashes, 'by', actor
);

comment on function watchpost.erased_payload is 'The payload of the event erased.';

-- the purge -----------------------------------------------------------------------------------------------------------

create or replace function watchpost.begin_purge(of_relation text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  begun uuid;
begin
  insert into watchpost.erasure (what, subject_id, key)
  select 'purge', r.id, uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())
  from watchpost.retention as r
  where r.relation = of_relation and r.camera_id is null
  returning id into begun;
  perform set_config('watchpost.erasing', begun::text, true);
end;
$$;

comment on function watchpost.begin_purge(text) is 'Begins a batch of the purge, by the general rule of a relation: what is deleted until finish_purge() is in its receipt.';


-- The key is forgotten: it would be one for each batch, for nobody.
create or replace function watchpost.finish_purge() returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  begun constant uuid := watchpost.current_erasure();
begin
  perform set_config('watchpost.erasing', '', true);
  if exists (select from watchpost.erasure_leaf as l where l.erasure_id = begun) then
    perform watchpost.write_receipt(e.id) from watchpost.erasure as e where e.id = begun and e.what = 'purge';
  else
    delete from watchpost.erasure as e where e.id = begun and e.what = 'purge';
  end if;
end;
$$;

comment on function watchpost.finish_purge() is 'Ends the batch of the purge, in the transaction in which it was begun, with its receipt; none if it has deleted nothing.';

-- receipts are kept ---------------------------------------------------------------------------------------------------

create or replace function watchpost.keep_receipt() returns trigger
language plpgsql
as $$
begin
  raise exception 'A receipt of an erasure is never changed or deleted.' using errcode = 'WP020';
end;
$$;

comment on function watchpost.keep_receipt() is 'Refuses to change or delete a finished receipt (WP020).';

create or replace trigger erasure_keep before update or delete on watchpost.erasure
for each row when (old.finished_at is not null) execute function watchpost.keep_receipt();

create or replace trigger erasure_not_truncated before truncate on watchpost.erasure
for each statement execute function watchpost.keep_receipt();
