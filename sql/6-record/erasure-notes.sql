-- What an erasure has removed: a hash of each row, noted by a trigger of every table that has rows about people, so that
-- whatever deletes them, a function or a cascade, is in the receipt.
--
-- The setting watchpost.erasing is the erasure that this transaction is part of.

create or replace function watchpost.erased_leaf(key bytea, removed jsonb) returns bytea
language sql immutable strict parallel safe
return sha256(key || convert_to(removed::text, 'UTF8'));

comment on function watchpost.erased_leaf is 'The hash of a removed row, as JSON with the SHA-256 of each bytea in its place (of a photo that of the photo, encrypted or not): times in UTC.';


create or replace function watchpost.current_erasure() returns uuid
language sql stable
return nullif(current_setting('watchpost.erasing', true), '')::uuid;

comment on function watchpost.current_erasure() is 'The erasure that this transaction is part of; null: none.';


create or replace function watchpost.note_removed(of_relation text, removed jsonb[]) returns void
language plpgsql
as $$
begin
  insert into watchpost.erasure_leaf (erasure_id, relation, leaf)
  select e.id, of_relation, watchpost.erased_leaf(e.key, r)
  from watchpost.erasure as e
  cross join unnest(removed) as r
  where e.id = watchpost.current_erasure();
end;
$$;

comment on function watchpost.note_removed is 'Notes rows that the current erasure has removed.';


-- A bytea as its hash: a photo of 100 MB would be 200 MB of text. That of a photo is in its row, so it need not be read.
create or replace function watchpost.note_erased() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
set timezone = 'UTC' set intervalstyle = 'postgres' set extra_float_digits = 1
as $$
declare
  columns constant text := (
    select string_agg(
      case
        when tg_table_name = 'image' and a.attname = 'bytes' then
          'case when o.bytes is not null then encode(o.sha256, ''hex'') end as bytes'
        when a.atttypid = 'bytea'::regtype then format('encode(sha256(o.%1$I), ''hex'') as %1$I', a.attname)
        else format('o.%I', a.attname)
      end,
      ', ' order by a.attnum
    )
    from pg_attribute as a
    where a.attrelid = tg_relid and a.attnum > 0 and not a.attisdropped
  );
begin
  execute format(
    $query$
      insert into watchpost.erasure_leaf (erasure_id, relation, leaf)
      select e.id, %L, watchpost.erased_leaf(e.key, to_jsonb(r))
      from (select %s from old_rows as o) as r
      cross join watchpost.erasure as e
      where e.id = watchpost.current_erasure()
    $query$,
    tg_table_name, columns
  );
  return null;
end;
$$;

comment on function watchpost.note_erased() is 'Notes the hash of each row that the current erasure deletes.';


-- Faces that the person was matched to, of matches that stand: what was withdrawn is not them.
create or replace function watchpost.note_matched_faces() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  insert into watchpost.erasure_face (face_id, erasure_id)
  select distinct s.face_id, e.id
  from old_rows as o
  join watchpost.erasure as e on e.id = watchpost.current_erasure() and e.with_matched_faces and e.subject_id = o.person_id
  cross join lateral (
    select watchpost.same_faces(o.face_id)
    union
    select t.id
    from watchpost.face as f
    join watchpost.face as t on t.track_id = f.track_id
    where f.id = o.face_id
  ) as s (face_id)
  where o.superseded_at is null
  on conflict do nothing;
  return null;
end;
$$;

comment on function watchpost.note_matched_faces() is 'Notes the faces of deleted matches as those that the current erasure is to remove, if it was asked to.';

create or replace trigger match_note_faces after delete on watchpost.match
referencing old table as old_rows
for each statement
when (coalesce(current_setting('watchpost.erasing', true), '') <> '')
execute function watchpost.note_matched_faces();


do $$
declare
  relation text;
begin
  foreach relation in array '{
    person,person_photo,person_vector,person_merge,person_merge_row,reference,watchlist_entry,cannot_link,backfill,
    image,still_frame,track,face,embedding,demography,search,match,stranger_face,
    alert,alert_match,alert_review,notification,delivery,paging_held,escalation,event_content
  }'::text[] loop
    execute format(
      $trigger$
        create or replace trigger %I after delete on watchpost.%I
        referencing old table as old_rows
        for each statement
        when (coalesce(current_setting('watchpost.erasing', true), '') <> '')
        execute function watchpost.note_erased()
      $trigger$,
      relation || '_note_erased', relation
    );
  end loop;
end;
$$;
