-- Verifying the tables against the record: what it says was made has to be there, unless it says that it was deleted, and
-- what is there has to be in it. The triggers write both, so a difference was made by hand, with the triggers off.
--
-- Ids, topics and the key change of a payload are read, nothing else: what else an event says may have been erased.

create or replace function watchpost.verify_rows(
  from_key uuid    default '00000000-0000-0000-0000-000000000000',
  until_key uuid   default 'ffffffff-ffff-ffff-ffff-ffffffffffff',
  most     integer default 10,
  faces    boolean default true
) returns table (what text, relation text, row_id uuid, detail text)
language plpgsql stable set jit = off set plan_cache_mode = force_custom_plan
as $$
begin
  return query
  with missing as materialized (
    select e.id as event_id, e.topic, e.subject_id, e.image_id, (e.payload ->> 'alert_id')::uuid as alert_id,
      (e.payload ->> 'face_id')::uuid as face_id, e.created_at
    from watchpost.event as e
    where e.id >= from_key
      and e.id < until_key
      and case e.topic
        when 'image.received' then not exists (select from watchpost.image as r where r.id = e.subject_id)
        when 'match.found' then not exists (select from watchpost.match as r where r.id = e.subject_id)
        when 'alert.raised' then not exists (select from watchpost.alert as r where r.id = e.subject_id)
        when 'alert.reviewed' then not exists (select from watchpost.alert_review as r where r.id = e.subject_id)
        when 'access.recorded' then not exists (select from watchpost.access as r where r.id = e.subject_id)
        when 'face.detected' then verify_rows.faces and not exists (select from watchpost.face as r where r.id = e.subject_id)
        when 'face.embedded' then
          verify_rows.faces and not exists (select from watchpost.embedding as r where r.id = e.subject_id)
        when 'person.changed' then
          e.payload ->> 'change' = 'created' and not exists (select from watchpost.person as r where r.id = e.subject_id)
        when 'watchlist.changed' then
          e.payload ->> 'change' = 'created' and not exists (select from watchpost.watchlist as r where r.id = e.subject_id)
        when 'camera.changed' then
          e.payload ->> 'change' = 'created' and not exists (select from watchpost.camera as r where r.id = e.subject_id)
        when 'key.changed' then
          e.payload ->> 'change' = 'created' and not exists (select from watchpost.api_key as r where r.id = e.subject_id)
        when 'site.changed' then
          e.payload ->> 'change' = 'created' and not exists (select from watchpost.site as r where r.id = e.subject_id)
        when 'data_key.changed' then
          e.payload ->> 'change' = 'made'
            and not exists (select from watchpost.data_key as r where r.id = e.subject_id)
            -- It goes with its site.
            and exists (select from watchpost.site as s where s.id = (e.payload ->> 'site_id')::uuid)
        when 'endpoint.changed' then
          e.payload ->> 'change' = 'added' and not exists (select from watchpost.endpoint as r where r.id = e.subject_id)
        else false
      end
  ),
  -- A face goes with its photo, an embedding and a match with their face, a review with its alert. One hash of all ids that
  -- were deleted, which are unique across tables.
  explained as (
    select m.event_id
    from watchpost.deleted_ids() as d (id)
    join (
      select m.event_id, k.id
      from missing as m
      cross join lateral unnest(array[m.subject_id, m.image_id, m.face_id, m.alert_id]) as k (id)
    ) as m on m.id = d.id
  )
  select
    'row_deleted',
    case m.topic
      when 'alert.reviewed' then 'alert_review'
      when 'face.embedded' then 'embedding'
      when 'key.changed' then 'api_key'
      when 'data_key.changed' then 'data_key'
      else split_part(m.topic, '.', 1)
    end,
    m.subject_id,
    format('The record has it since %s (%s), and says nothing of its deletion.', watchpost.utc(m.created_at), m.topic)
  from missing as m
  where not (m.topic = 'access.recorded' and watchpost.is_retired('access', m.subject_id))
    and not exists (select from explained as x where x.event_id = m.event_id)
    and not exists (
      select from watchpost.event as d
      where d.subject_id = m.subject_id and d.topic = m.topic and d.id > m.event_id and d.payload ->> 'change' = 'deleted'
    )
  order by m.event_id
  limit most;
end;
$$;

comment on function watchpost.verify_rows is 'Rows that the events of a range of keys say were made, and that are gone without an event of their deletion (row_deleted), the first ones. Not those whose events were retired. faces: false leaves out faces and their vectors, which are most of the rows.';


create or replace function watchpost.recorded_tables() returns text[]
language sql immutable
return '{person,watchlist,camera,endpoint,api_key,data_key,alert,alert_review,match,image,face}'::text[];

comment on function watchpost.recorded_tables() is 'The tables of which the record tells every row that is made, the small ones first.';


create or replace function watchpost.why_unrecorded() returns text
language sql immutable
return 'It is there, and the record does not say that it was made.';

comment on function watchpost.why_unrecorded() is 'The detail of a row_unrecorded.';


create or replace function watchpost.verify_recorded(
  relation text, after uuid default null, batch integer default 10000, out reached uuid, out unrecorded uuid[]
)
language plpgsql stable set jit = off set plan_cache_mode = force_custom_plan
as $$
declare
  begins constant uuid := coalesce(watchpost.history_begins(), '00000000-0000-0000-0000-000000000000');
  -- What a topic says is made, and how far its event's key may be from the row's time: both are written by one statement.
  topic constant text := case relation
    when 'image' then 'image.received' when 'match' then 'match.found' when 'alert' then 'alert.raised'
    when 'alert_review' then 'alert.reviewed' when 'face' then 'face.detected'
    when 'api_key' then 'key.changed'
    else relation || '.changed'
  end;
  made_at constant text := case relation
    when 'image' then 'received_at' when 'match' then 'created_at' when 'alert' then 'created_at' when 'face' then 'created_at'
  end;
begin
  execute format(
    $query$
      with rows as materialized (
        select r.id, %2$s as made_at
        from watchpost.%1$I as r
        where r.id > $1 and r.id >= $2 %4$s
        order by r.id
        limit $3
      )
      select
        (select r.id from rows as r order by r.id desc limit 1),
        array(
          select r.id
          from rows as r
          where not exists (
            select from watchpost.event as e where e.subject_id = r.id and e.topic = $4 %3$s
          )
          order by r.id
        )
    $query$,
    relation,
    coalesce('r.' || made_at, 'null::timestamptz'),
    -- One partition or two are read for it instead of all.
    case when made_at is not null then
      $bound$ and e.id >= watchpost.uuidv7_at(r.made_at - interval '1 day') and e.id < watchpost.uuidv7_at(r.made_at + interval '1 day')$bound$
    else '' end,
    case relation
      -- A reference has no image.received, and the faces of one no face.detected.
      when 'image' then $where$and r.purpose = 'probe'$where$
      when 'face' then $where$and exists (select from watchpost.image as i where i.id = r.image_id and i.purpose = 'probe')$where$
      -- An import keeps created_at, and the event is of the import.
      when 'person' then 'and r.created_at >= watchpost.uuidv7_time($2)'
      else ''
    end
  ) into reached, unrecorded
  using coalesce(after, '00000000-0000-0000-0000-000000000000'), begins, batch, topic;
end;
$$;

comment on function watchpost.verify_recorded is 'Of the next rows of a table after an id, those whose making is not in the record, and the id of the last row; null: there are no more. For one of recorded_tables().';


create or replace function watchpost.verify_tables(most integer default 10) returns table (what text, relation text, row_id uuid, detail text)
language sql stable
begin atomic
  select f.what, f.relation, f.row_id, f.detail
  from (
    select r.what, r.relation, r.row_id, r.detail from watchpost.verify_rows(most => verify_tables.most) as r
    union all
    select 'row_unrecorded', t.relation, u.id, watchpost.why_unrecorded()
    from unnest(watchpost.recorded_tables()) as t (relation)
    cross join lateral watchpost.verify_recorded(t.relation, batch => 2147483647) as v
    cross join lateral unnest(v.unrecorded) as u (id)
  ) as f
  limit most;
end;

comment on function watchpost.verify_tables is 'Compares all tables with the whole record, as the command verify --full does in parts. No row: nothing is wrong. Else the first findings: row_deleted, row_unrecorded.';
