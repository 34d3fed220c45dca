-- Calls of the API that carry an Idempotency-Key, so that each is done once. The row is written in the transaction of the
-- call: who comes with the same key meanwhile waits at the primary key until that has ended.

create or replace function watchpost.begin_once(
  key text, sha256 bytea, out status smallint, out answer text, out location text
)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  who constant text := watchpost.actor();
  earlier watchpost.idempotency;
begin
  insert into watchpost.idempotency as i (actor, key, sha256)
  values (who, begin_once.key, begin_once.sha256)
  on conflict (actor, key) do update
  set sha256 = excluded.sha256, status = null, answer = null, location = null, expires_at = excluded.expires_at
  where i.expires_at <= now();
  if found then
    return;
  end if;

  select i.* into strict earlier
  from watchpost.idempotency as i
  where i.actor = who and i.key = begin_once.key;
  if earlier.sha256 <> begin_once.sha256 then
    raise exception 'The idempotency key % was used for another call.', quote_literal(begin_once.key)
      using errcode = 'WP003', hint = 'Use a new key for a new call.';
  end if;
  begin_once.status := earlier.status;
  begin_once.answer := earlier.answer;
  begin_once.location := earlier.location;
end;
$$;

comment on function watchpost.begin_once is 'Takes an idempotency key for a call of the current actor, until the transaction ends: status is null. If the call was done before, its status and answer; another call with the key is refused (WP003).';


create or replace function watchpost.end_once(key text, status integer, answer text, location text) returns void
language sql security definer set search_path = pg_catalog, pg_temp
as $$
  update watchpost.idempotency as i
  set status = end_once.status, answer = end_once.answer, location = end_once.location
  where i.actor = watchpost.actor() and i.key = end_once.key;
$$;

comment on function watchpost.end_once is 'Stores the answer of the call that has taken an idempotency key, in the same transaction.';


create or replace function watchpost.forget_answers() returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  forgotten bigint;
begin
  delete from watchpost.idempotency as i where i.expires_at <= now();
  get diagnostics forgotten = row_count;
  return forgotten;
end;
$$;

comment on function watchpost.forget_answers is 'Deletes the answers whose idempotency keys have expired, and returns how many.';


-- The answer to a call that added somebody has their name.
create or replace function watchpost.forget_answers_about() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  delete from watchpost.idempotency as i
  using old_rows as o
  where i.location = '/v1/persons/' || o.id;
  return null;
end;
$$;

comment on function watchpost.forget_answers_about() is 'Deletes the stored answers that are about people who are deleted.';

-- An erasure forgets all that mention somebody, whose names and notes are in answers about their alerts and photos as well.
create or replace function watchpost.forget_answers_with() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  delete from watchpost.idempotency as i
  using old_rows as o
  where strpos(i.location, o.id::text) > 0 or strpos(i.answer, o.id::text) > 0;
  return null;
end;
$$;

comment on function watchpost.forget_answers_with() is 'Deletes the stored answers with the ids of rows that an erasure deletes.';

do $do$
declare
  relation text;
begin
  foreach relation in array '{person,person_photo,person_merge,cannot_link,alert,alert_review}'::text[] loop
    execute format(
      $trigger$
        create or replace trigger %I after delete on watchpost.%I
        referencing old table as old_rows
        for each statement
        when (coalesce(current_setting('watchpost.erasing', true), '') <> '')
        execute function watchpost.forget_answers_with()
      $trigger$,
      relation || '_forget_mentions', relation
    );
  end loop;
end;
$do$;

create or replace trigger person_forget_answers after delete on watchpost.person
referencing old table as old_rows
for each statement execute function watchpost.forget_answers_about();
