-- Measuring what a threshold does, and choosing one by what was measured.

-- the sample ----------------------------------------------------------------------------------------------------------

-- The faces of one measurement, for the transaction that measures. The embedded database has one session for all, so
-- the table must not outlive the transaction.
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

comment on function watchpost.open_calibration_sample() is 'Makes the temporary table calibration_sample: one row a face; person is null for strangers.';


-- Each photo of the gallery is searched twice: for its person, among all photos but itself; and as a stranger, among
-- the photos of all other people. As in a search, what counts is the cosine with the mean of a person's photos. The
-- means are a table of their own, so that a photo costs one comparison for each person and not for each photo.
create or replace function watchpost.compare_calibration_sample() returns table (
  number integer, person text, own real, other real
)
language plpgsql
as $$
begin
  create temporary table calibration_person on commit drop as
  select s.person, avg(s.vector) as mean
  from pg_temp.calibration_sample as s
  where s.person is not null
  group by s.person;
  analyze pg_temp.calibration_person;

  return query
  select p.number, p.person, mine.similarity, others.similarity
  from pg_temp.calibration_sample as p
  cross join lateral (
    select (1 - (avg(g.vector) <=> p.vector))::real as similarity
    from pg_temp.calibration_sample as g
    where g.person = p.person and g.number <> p.number
  ) as mine
  cross join lateral (
    select (1 - min(m.mean <=> p.vector))::real as similarity
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
  if max_probes < 1 then
    raise exception 'max_probes must be 1 or more, not %.', max_probes using errcode = 'WP047';
  end if;
  select count(distinct s.person) as people, count(s.person) as photos, count(*) - count(s.person) as strangers
  into gallery
  from pg_temp.calibration_sample as s;
  if gallery.people + least(gallery.strangers, 1) < 2 then
    raise exception 'There is nobody to compare with whom: % with a usable face of the model %, and % strangers.',
      case gallery.people when 1 then 'one person' else 'no person' end, model, gallery.strangers
      using errcode = 'WP047', hint = 'Enrol two people at least, or give a folder of strangers.';
  end if;

  -- By a hash of their place, so that the same photos are taken each time, and of all people.
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
      model, source, gallery.people, gallery.photos, t.probes, t.strangers,
      gallery.photos > max_probes or gallery.strangers > max_probes, command, watchpost.actor()
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

comment on function watchpost.store_calibration is 'Measures the faces of calibration_sample and stores the curve. Of more than max_probes photos, or strangers, that many are searched.';

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


-- Faces of camera frames that named nobody, or somebody who was dismissed as wrong: as far as is known, strangers. A
-- stranger who was matched and not judged yet is not among them, so judge the alerts before measuring with these.
create or replace view watchpost.stranger_face as
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

comment on view watchpost.stranger_face is 'Usable faces of camera frames that matched nobody, or whose alerts were all dismissed.';


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
    from watchpost.stranger_face as s
    where s.model_id = model and s.captured_at >= strangers_since
    order by s.face_id;
  end if;
end;
$$;

comment on function watchpost.sample_references is 'Puts what is enrolled into calibration_sample, and stored faces that named nobody since a time.';


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

comment on function watchpost.calibrate is 'Measures false positives and hits by threshold on what is enrolled, each photo against all others; strangers_since adds stored faces that named nobody since then. Stores the curve and returns its head.';

-- choosing ------------------------------------------------------------------------------------------------------------

-- The share that a false-positive rate may really have, when so many of so many were seen: with none, the rule of three;
-- else Wilson's bound. One side, 95%.
create or replace function watchpost.rate_at_most(seen integer, of_all integer) returns real
language sql immutable strict parallel safe
return case
  when of_all < 1 then 1
  when seen = 0 then least(1, 3.0 / of_all)
  else least(
    1,
    (
      seen::float8 / of_all + 1.3529 / of_all
        + 1.6449 * sqrt(seen::float8 / of_all * (1 - seen::float8 / of_all) / of_all + 0.6764 / of_all::float8 / of_all)
    ) / (1 + 2.7057 / of_all)
  )
end::real;

comment on function watchpost.rate_at_most(integer, integer) is 'Upper bound (95%) of a rate of which this many were seen among so many: what few strangers can not rule out.';


create or replace function watchpost.measured_threshold(target_fpir real, model text default null) returns table (
  calibration_id uuid, threshold real, false_positives integer, strangers integer, fpir real, hit_rate real
)
language sql stable
begin atomic
  select c.id, p.threshold, p.false_positives, c.strangers, p.fpir, p.hit_rate
  from (
    select k.*
    from watchpost.calibration as k
    where k.model_id = coalesce(
        measured_threshold.model,
        (select l.model_id from watchpost.calibration as l order by l.id desc limit 1)
      )
      -- With fewer, not one stranger may pass, and a rate of nought says little.
      and k.strangers * measured_threshold.target_fpir >= 1
    order by k.id desc
    limit 1
  ) as c
  join watchpost.calibration_point as p on p.calibration_id = c.id
  where p.fpir <= measured_threshold.target_fpir
  order by p.threshold
  limit 1;
end;

comment on function watchpost.measured_threshold is 'The least threshold that keeps to a false-positive rate, by the latest calibration with enough strangers to tell (one in the rate at least); no row: there is none.';


create or replace function watchpost.threshold_for(target_fpir real, model text default null) returns real
language plpgsql stable
as $$
declare
  chosen real;
  most integer;
begin
  if target_fpir is null or not (target_fpir > 0 and target_fpir < 1) then
    raise exception 'A false-positive rate must be between 0 and 1, not %.', coalesce(target_fpir::text, 'null')
      using errcode = 'WP046', hint = 'For example 0.003: three strangers in a thousand.';
  end if;
  select m.threshold into chosen from watchpost.measured_threshold(threshold_for.target_fpir, threshold_for.model) as m;
  if found then
    return chosen;
  end if;

  select max(c.strangers) into most
  from watchpost.calibration as c
  where c.model_id = coalesce(
    threshold_for.model,
    (select l.model_id from watchpost.calibration as l order by l.id desc limit 1)
  );
  if most * target_fpir >= 1 then
    raise exception 'No threshold of the latest calibration keeps to a false-positive rate of %.', target_fpir
      using errcode = 'WP045', hint = 'Somebody may be enrolled twice, under two names: look at the curve near 1.';
  end if;
  raise exception '%', case
      when most is null then format('Nothing has been measured%s yet.', coalesce(' for the model ' || threshold_for.model, ''))
      else format(
        'A false-positive rate of %s can not be told from %s strangers; it takes %s.',
        target_fpir, most, ceil(1 / target_fpir::numeric)
      )
    end
    using errcode = 'WP045', hint = 'Measure on what is enrolled, on stored strangers or on a labelled folder: watchpost calibrate.';
end;
$$;

comment on function watchpost.threshold_for(real, text) is 'The least threshold whose measured false-positive rate is at most this, by the latest calibration that can tell (of this model; default: the model measured last). No curve is an error (WP045), and so is a rate outside 0..1 (WP046).';

-- following -----------------------------------------------------------------------------------------------------------

create or replace trigger calibration_append_only before update or delete on watchpost.calibration
for each row execute function watchpost.refuse_change();

create or replace trigger calibration_not_truncated before truncate on watchpost.calibration
for each statement execute function watchpost.refuse_change();

create or replace trigger calibration_point_append_only before update or delete on watchpost.calibration_point
for each row execute function watchpost.refuse_change();

create or replace trigger calibration_point_not_truncated before truncate on watchpost.calibration_point
for each statement execute function watchpost.refuse_change();


-- Lists that name a rate follow the model that is in use: measuring another one, to see whether it is better, moves no
-- list. The setting tells the list's own triggers that nobody set this threshold by hand.
create or replace function watchpost.follow_calibration() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  measured watchpost.calibration;
  moved uuid[];
begin
  for measured in
    select c.* from watchpost.calibration as c where c.id in (select n.calibration_id from new_rows as n) order by c.id
  loop
    moved := '{}';
    if coalesce(watchpost.model_in_use(), measured.model_id) = measured.model_id then
      perform set_config('watchpost.calibrating', 'on', true);
      with chosen as (
        select w.id, w.target_fpir, m.threshold
        from watchpost.watchlist as w
        cross join lateral watchpost.measured_threshold(w.target_fpir, measured.model_id) as m
        where w.target_fpir is not null and m.threshold <> w.threshold
      ),
      followed as (
        update watchpost.watchlist as w
        set threshold = c.threshold, target_fpir = c.target_fpir
        from chosen as c
        where c.id = w.id
        returning w.id
      )
      select coalesce(array_agg(f.id order by f.id), '{}') into moved from followed as f;
      perform set_config('watchpost.calibrating', '', true);
    end if;

    insert into watchpost.event (topic, subject_id, payload, tasks)
    values (
      'calibration.stored', measured.id,
      jsonb_build_object(
        'calibration_id', measured.id, 'model_id', measured.model_id, 'source', measured.source,
        'people', measured.people, 'probes', measured.probes, 'strangers', measured.strangers,
        'watchlists', moved, 'by', measured.created_by
      ),
      watchpost.subscribers('calibration.stored')
    );
  end loop;
  return null;
end;
$$;

comment on function watchpost.follow_calibration() is 'Gives lists with a target_fpir the threshold that a new curve says, and writes one calibration.stored.';

create or replace trigger calibration_point_follow after insert on watchpost.calibration_point
referencing new table as new_rows
for each statement execute function watchpost.follow_calibration();

-- the shipped default -------------------------------------------------------------------------------------------------

comment on column watchpost.watchlist.threshold is 'Least cosine similarity for a match. 0.45 by default: as measured, 1 of 416 strangers is taken for somebody and 413 of 414 known faces are named right (docs/thresholds.md).';
