-- What is done regularly. Any worker may call this as often as it likes: it does one task that is due, or nothing.

create or replace function watchpost.upkeep(out task text, out result text, out error text, out rest_ms real)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  begun timestamptz := clock_timestamp();
  sealed integer[];
  more boolean := false;
begin
  if not pg_try_advisory_xact_lock(hashtext('watchpost.upkeep')) then
    return;
  end if;
  select u.task into task
  from watchpost.upkeep_task as u
  where u.last_run is null or u.last_run + u.every <= begun
  -- What has been due longest: a task with a long backlog does not keep the others waiting.
  order by u.last_run + u.every nulls first, u.task
  limit 1;
  if not found then
    return;
  end if;

  begin
    case task
      when 'seal' then
        sealed := array[watchpost.seal_rows('event'), watchpost.seal_rows('handling')];
        result := format('%s events, %s handlings', sealed[1], sealed[2]);
        -- A full batch: there may be more, so it is due again at once, in a transaction of its own.
        more := 10000 = any (sealed);
      when 'events' then
        perform watchpost.relay(of_deleted => true);
        result := watchpost.put_back_events();
      when 'alarms' then
        result := watchpost.raise_alarms();
      when 'paging' then
        result := watchpost.page_alerts();
      when 'partitions' then
        result := watchpost.make_partitions();
      when 'answers' then
        result := format('%s answers forgotten', watchpost.forget_answers());
      when 'retention' then
        result := watchpost.retain();
        more := result like '1 %';
      when 'purge_images', 'purge_faces', 'purge_persons' then
        select p.result, p.more into result, more from watchpost.purge(task) as p;
      when 'people' then
        result := format('%s indexes made', watchpost.index_many_people());
      when 'keys' then
        result := format('%s keys expired', watchpost.note_expired_keys());
      when 'heads' then
        result := format('sent to %s endpoints', watchpost.announce_head());
      when 'strangers' then
        select g.result, g.more into result, more from watchpost.group_strangers() as g;
      when 'stranger_alerts' then
        result := watchpost.raise_stranger_alerts();
      when 'statistics' then
        result := watchpost.analyze_grown_tables();
      else
        raise exception 'There is no upkeep task %.', quote_literal(task);
    end case;
  exception
    when others then
      error := sqlerrm;
  end;

  -- While photos arrive, deleting takes a quarter of one core.
  if more and task like 'purge%' and watchpost.is_live('2 seconds') then
    rest_ms := extract(epoch from clock_timestamp() - begun) * 3000;
  end if;
  update watchpost.upkeep_task as u
  set last_run = case when more then begun - u.every else begun end,
      took_ms = extract(epoch from clock_timestamp() - begun) * 1000,
      last_result = result,
      last_error = error
  where u.task = upkeep.task;
end;
$$;

comment on function watchpost.upkeep is 'Does one task of upkeep_task that is due, and returns its result; all null: none was due, or another session is doing one. rest_ms: how long to wait before the next call.';
