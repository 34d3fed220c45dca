-- Measuring false positives and hits by threshold, on a sample of faces.

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
    raise exception 'There are too few people to compare: % with a usable face of the model %, and % strangers.',
      case gallery.people when 1 then 'one person' else 'no person' end, model, gallery.strangers
      using errcode = 'WP047', hint = 'Enrol two people at least, or give a folder of strangers.';
  end if;

  -- Chosen by a hash of the position, so that every run takes the same photos, spread over all people.
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
