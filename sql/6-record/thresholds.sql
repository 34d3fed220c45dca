-- Choosing a threshold by a measured false-positive rate, and updating the lists that have a target_fpir.
--
-- emits calibration.stored

-- choosing ------------------------------------------------------------------------------------------------------------

-- With no false positives the rule of three, else Wilson's bound; one-sided.
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

comment on function watchpost.rate_at_most(integer, integer) is 'Upper bound (95%) of a rate of which this many cases were seen among so many.';


-- In numeric: as a real, 0.01 is a little less than a hundredth, and 100 strangers would be too few for it.
create or replace function watchpost.strangers_needed(target_fpir real) returns numeric
language sql immutable strict parallel safe
return ceil(1 / target_fpir::numeric);

comment on function watchpost.strangers_needed(real) is 'How many strangers a false-positive rate takes: with fewer, a single one is more than this rate.';


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
      -- With fewer strangers only a rate of 0 would do, which says little.
      and k.strangers >= watchpost.strangers_needed(measured_threshold.target_fpir)
    order by k.id desc
    limit 1
  ) as c
  join watchpost.calibration_point as p on p.calibration_id = c.id
  where p.fpir <= measured_threshold.target_fpir
  order by p.threshold
  limit 1;
end;

comment on function watchpost.measured_threshold is 'The least threshold that keeps to a false-positive rate, by the latest calibration with enough strangers (strangers_needed); no row: there is none.';


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
  if most >= watchpost.strangers_needed(target_fpir) then
    raise exception 'No threshold of the latest calibration keeps to a false-positive rate of %.', target_fpir
      using errcode = 'WP045', hint = 'Somebody may be enrolled twice, under two names: check the curve near 1.';
  end if;
  raise exception '%', case
      when most is null then format('Nothing has been measured%s yet.', coalesce(' for the model ' || threshold_for.model, ''))
      else format(
        'A false-positive rate of %s cannot be measured with %s strangers; it takes %s.',
        target_fpir, most, watchpost.strangers_needed(target_fpir)
      )
    end
    using errcode = 'WP045', hint = 'Measure on what is enrolled, on stored strangers or on a labelled folder: watchpost calibrate.';
end;
$$;

comment on function watchpost.threshold_for(real, text) is 'The least threshold whose measured false-positive rate is at most this, by the latest calibration with enough strangers (of this model; default: the model measured last). No curve is an error (WP045), and so is a rate outside 0..1 (WP046).';

-- What a similarity means. Of n times as many people n times as many strangers look like somebody, while these are few.
--
-- Where no stranger was as similar it is the upper bound that their number supports.
create or replace function watchpost.false_positive_rate(similarity real, list_size integer, model text default null) returns table (
  calibration_id uuid, rate real, at_most boolean
)
language sql stable
begin atomic
  select
    c.id,
    1 - power(
      1 - case when p.false_positives > 0 then p.fpir else watchpost.rate_at_most(0, c.strangers) end::float8,
      greatest(false_positive_rate.list_size, 1)::float8 / c.people
    ),
    p.false_positives = 0
  from watchpost.calibration as c
  cross join lateral (
    select k.false_positives, k.fpir
    from watchpost.calibration_point as k
    where k.calibration_id = c.id and k.threshold <= false_positive_rate.similarity
    order by k.threshold desc
    limit 1
  ) as p
  where c.model_id = coalesce(false_positive_rate.model, watchpost.model_in_use())
  order by c.id desc
  limit 1;
end;

comment on function watchpost.false_positive_rate is 'The share of strangers, 0 to 1, of whom somebody on a list of this many people has this similarity or more, by the latest calibration of the model (default: the one in use). at_most: no stranger was as similar, so the share is smaller. No row: nothing was measured.';

-- following -----------------------------------------------------------------------------------------------------------

create or replace trigger calibration_append_only before update or delete on watchpost.calibration
for each row execute function watchpost.refuse_change();

create or replace trigger calibration_not_truncated before truncate on watchpost.calibration
for each statement execute function watchpost.refuse_change();

create or replace trigger calibration_point_append_only before update or delete on watchpost.calibration_point
for each row execute function watchpost.refuse_change();

create or replace trigger calibration_point_not_truncated before truncate on watchpost.calibration_point
for each statement execute function watchpost.refuse_change();


-- Only a calibration of the model in use changes lists; another model may be measured to compare it. The setting
-- watchpost.calibrating lets the triggers of watchlist know that the threshold was not set by hand.
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

comment on function watchpost.follow_calibration() is 'Sets the threshold of lists with a target_fpir from a new curve, and writes one calibration.stored.';

create or replace trigger calibration_point_follow after insert on watchpost.calibration_point
referencing new table as new_rows
for each statement execute function watchpost.follow_calibration();
