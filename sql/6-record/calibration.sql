-- Calibration: measuring false positives and hits by threshold.

-- the sample ----------------------------------------------------------------------------------------------------------

-- The faces of one measurement, until the end of its transaction: the embedded database has one session for everybody.
create or replace function watchpost.open_calibration_sample() returns void
language plpgsql
as $$
begin
  perform set_config('client_min_messages', 'warning', true);
  drop table if exists pg_temp.calibration_sample;
  create temporary table calibration_sample (
    number integer primary key generated always as identity,
    person text,
    probe  boolean not null default false,
    vector halfvec not null
  )
  on commit drop;
end;
$$;

comment on function watchpost.open_calibration_sample() is 'Creates the temporary table calibration_sample: one row a face; person is null for strangers.';


-- Each photo of the gallery is searched twice: for its person, among all photos but itself; and as a stranger, among
-- the photos of all other people. As in a search, it is compared with one vector for each person.
create or replace function watchpost.compare_calibration_sample() returns table (
  number integer, person text, own real, other real
)
language plpgsql
as $$
begin
  create temporary table calibration_person on commit drop as
  select s.person, watchpost.vector_of_person(avg(s.vector), count(*)::integer) as vector
  from pg_temp.calibration_sample as s
  where s.person is not null
  group by s.person;
  analyze pg_temp.calibration_person;

  return query
  select p.number, p.person, mine.similarity, others.similarity
  from pg_temp.calibration_sample as p
  cross join lateral (
    select watchpost.similarity(p.vector, watchpost.vector_of_person(avg(g.vector), count(*)::integer)) as similarity
    from pg_temp.calibration_sample as g
    where g.person = p.person and g.number <> p.number
  ) as mine
  cross join lateral (
    select max(watchpost.similarity(p.vector, m.vector)) as similarity
    from pg_temp.calibration_person as m
    where m.person is distinct from p.person
  ) as others
  where p.probe;
  drop table pg_temp.calibration_person;
end;
$$;

comment on function watchpost.compare_calibration_sample() is 'For each probe of the sample its similarity to its own person and to the most similar other one; null where there is none.';


create or replace function watchpost.store_calibration(
  model text, source text, max_probes integer, command text
) returns watchpost.calibration
language plpgsql
as $$
declare
  stored watchpost.calibration;
  gallery record;
begin
  if max_probes is null or max_probes < 1 then
    raise exception 'max_probes must be 1 or more, not %.', coalesce(max_probes::text, 'null') using errcode = 'WP047';
  end if;
  select count(distinct s.person) as people, count(s.person) as photos, count(*) - count(s.person) as strangers
  into gallery
  from pg_temp.calibration_sample as s;
  if gallery.people + least(gallery.strangers, 1) < 2 then
    raise exception 'There is nobody to compare with whom: % with a usable face of the model %, and % strangers.',
      case gallery.people when 1 then 'one person' else 'no person' end, model, gallery.strangers
      using errcode = 'WP047', hint = 'Enrol two people at least, or give a folder of strangers.';
  end if;

  -- By a hash of their position, so that each time the same photos are taken, of all people.
  update pg_temp.calibration_sample as s
  set probe = true
  from (
    select
      a.number,
      row_number() over (partition by a.person is null order by hashint4(a.number), a.number) as place
    from pg_temp.calibration_sample as a
  ) as drawn
  where drawn.number = s.number and drawn.place <= max_probes;
  create index on pg_temp.calibration_sample (person);
  analyze pg_temp.calibration_sample;

  with outcome as materialized (
    select * from watchpost.compare_calibration_sample()
  ),
  total as (
    select count(o.own)::integer as probes, count(o.other)::integer as strangers
    from outcome as o
  ),
  head as (
    insert into watchpost.calibration (model_id, source, people, photos, probes, strangers, sampled, command, created_by)
    select
      -- Cut to what is_text allows, because many folders make a long command.
      model, left(source, 2000), gallery.people, gallery.photos, t.probes, t.strangers,
      gallery.photos > max_probes or gallery.strangers > max_probes, left(command, 2000), watchpost.actor()
    from total as t
    returning *
  ),
  counted as (
    select
      g.threshold,
      count(*) filter (where o.other >= g.threshold) as false_positives,
      count(*) filter (where o.own >= g.threshold and o.own > coalesce(o.other, -1)) as hits,
      count(*) filter (where o.own is not null and o.other >= g.threshold and o.other >= o.own) as wrong_names
    from (select (n / 1000.0)::real as threshold from generate_series(0, 1000) as n) as g
    cross join outcome as o
    group by g.threshold
  ),
  points as (
    insert into watchpost.calibration_point
      (calibration_id, threshold, false_positives, hits, wrong_names, fpir, hit_rate)
    select
      h.id, c.threshold, c.false_positives, c.hits, c.wrong_names,
      c.false_positives::real / h.strangers, c.hits::real / nullif(h.probes, 0)
    from counted as c
    cross join head as h
  )
  select * into stored from head;
  drop table pg_temp.calibration_sample;
  return stored;
end;
$$;

comment on function watchpost.store_calibration is 'Measures the faces of calibration_sample and stores the curve. At most max_probes photos, and as many strangers, are searched.';

-- measuring what is enrolled ------------------------------------------------------------------------------------------

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
create or replace view watchpost.unmatched_face as
select f.id as face_id, e.id as embedding_id, e.model_id, e.vector, i.captured_at
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

comment on view watchpost.unmatched_face is 'Usable faces of probes that matched nobody, or whose alerts were all dismissed.';


create or replace function watchpost.sample_references(model text, strangers_since timestamptz) returns void
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
    select s.vector
    from watchpost.unmatched_face as s
    where s.model_id = model and s.captured_at >= strangers_since
    order by s.face_id;
  end if;
end;
$$;

comment on function watchpost.sample_references is 'Puts references into calibration_sample, and stored faces that matched nobody since a time.';


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
  perform watchpost.sample_references(of_model, strangers_since);
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
