-- Calibrating on the enrolled people, and on stored faces that matched nobody.

create or replace function watchpost.model_in_use() returns text
language sql stable
return (
  select r.model_id
  from watchpost.reference as r
  where r.superseded_at is null
  group by r.model_id
  order by count(*) desc, r.model_id
  limit 1
);

comment on function watchpost.model_in_use() is 'The embedder of most references; null: nobody is enrolled.';


-- Faces of probes that matched nobody, or whose alerts were dismissed: strangers, as far as is known. A stranger whose
-- alert was not reviewed yet is not among them, so review the alerts before measuring with these.
create or replace view watchpost.unmatched_face with (security_invoker = true) as
select f.id as face_id, e.id as embedding_id, e.model_id, i.captured_at
from watchpost.face as f
join watchpost.image as i on i.id = f.image_id and i.purpose = 'probe'
join watchpost.embedding as e on e.face_id = f.id and e.superseded_at is null
where f.superseded_at is null
  and exists (
    select
    from watchpost.search as s
    where s.embedding_id = e.id and s.superseded_at is null and s.gate = '{}'
  )
  and not exists (
    select
    from watchpost.match as m
    left join watchpost.alert_match as am on am.match_id = m.id
    left join watchpost.alert as a on a.id = am.alert_id
    where m.face_id = f.id and m.superseded_at is null and a.state is distinct from 'dismissed'
  );

comment on view watchpost.unmatched_face is 'Usable faces of probes that matched nobody, or whose alerts were all dismissed. Nearly every face that was ever seen: ask for a time.';


-- Of the strangers no more than are measured, and one, by which it is known that there were more: all of them may be
-- millions, of a kilobyte each. By a hash, so that a repeated measurement has the same.
create or replace function watchpost.sample_references(model text, strangers_since timestamptz, max_probes integer) returns void
language plpgsql
as $$
begin
  insert into pg_temp.calibration_sample (person, vector)
  select r.person_id::text, r.vector
  from watchpost.reference as r
  where r.model_id = model and r.superseded_at is null
  order by r.id;
  if strangers_since is not null then
    insert into pg_temp.calibration_sample (vector)
    select e.vector
    from (
      select s.embedding_id
      from watchpost.unmatched_face as s
      where s.model_id = model and s.captured_at >= strangers_since
      order by uuid_hash(s.face_id), s.face_id
      limit max_probes + 1
    ) as chosen
    join watchpost.embedding as e on e.id = chosen.embedding_id;
  end if;
end;
$$;

comment on function watchpost.sample_references is 'Puts references into calibration_sample, and stored faces that matched nobody since a time: one more than are measured, if there are so many.';


create or replace function watchpost.calibrate(
  model           text default null,
  strangers_since timestamptz default null,
  max_probes      integer default 2000,
  command         text default null
) returns watchpost.calibration
language plpgsql
as $$
declare
  of_model text := coalesce(calibrate.model, watchpost.model_in_use());
begin
  if of_model is null then
    raise exception 'Nobody is enrolled, so there is nothing to measure.'
      using errcode = 'WP047', hint = 'Enrol two people at least, or measure a labelled folder: watchpost calibrate --folder DIR.';
  end if;
  if not exists (select from watchpost.model as m where m.id = of_model and m.role = 'embedder') then
    raise exception 'There is no embedder %.', quote_literal(of_model)
      using errcode = 'WP047',
            hint = 'Embedders: ' || coalesce((select string_agg(m.id, ', ' order by m.id) from watchpost.model as m where m.role = 'embedder'), 'none yet') || '.';
  end if;

  perform watchpost.open_calibration_sample();
  perform watchpost.sample_references(of_model, strangers_since, max_probes);
  return watchpost.store_calibration(
    of_model,
    'references' || case when strangers_since is not null then ' and stored strangers' else '' end,
    max_probes,
    coalesce(
      calibrate.command,
      format('select * from watchpost.calibrate(%L, %L, %s)', calibrate.model, strangers_since, max_probes)
    )
  );
end;
$$;

comment on function watchpost.calibrate is 'Measures false positives and hits by threshold on the references, each photo against all others; strangers_since adds stored faces that matched nobody since then. Stores the curve and returns its row of calibration.';
