-- Similarity is defined anew (sql/4-people/person-vectors.sql): person_vector holds the vector whose inner product with a probe it
-- is, no longer the mean itself. And a list may name its threshold, which is then that of the model.

-- Transactions that change references wait until the new functions are in place.
lock table watchpost.reference in share row exclusive mode;

-- An argument was renamed or added, which "create or replace" refuses; sql/ creates them again.
drop function if exists watchpost.nearest_by_index(halfvec, text, integer, uuid[]);
drop function if exists watchpost.register_model(text, text, text, integer, text);

do $$
declare
  known record;
begin
  for known in
    select c.relname as name
    from pg_index as i
    join pg_class as c on c.oid = i.indexrelid
    where i.indrelid = 'watchpost.person_vector'::regclass and c.relname like 'person_vector_hnsw_%'
  loop
    execute format('drop index watchpost.%I', known.name);
  end loop;

  -- As vector_of_person does it, which sql/ creates only afterwards.
  update watchpost.person_vector as v
  set vector = v.vector * array_fill(2 / c.divisor, array[vector_dims(v.vector)])::halfvec
    || array[c.added, sqrt(greatest(0, 1.45 - 4 * c.squared / c.divisor ^ 2 - c.added ^ 2))::real]::halfvec
  from (
    select n.*, (1 - (1 + n.squared) / n.divisor)::real as added
    from (
      select p.person_id, p.model_id, (1.7 + 0.3 / p.reference_count)::real as divisor, (-(p.vector <#> p.vector))::real as squared
      from watchpost.person_vector as p
    ) as n
  ) as c
  where c.person_id = v.person_id and c.model_id = v.model_id;

  -- As register_model creates them. A parallel build of pgvector 0.8.0 can fail.
  perform set_config('max_parallel_maintenance_workers', '0', true);
  perform set_config('maintenance_work_mem', '1GB', true);
  for known in
    select m.id, m.dimension, left(encode(sha256(convert_to(m.id, 'UTF8')), 'hex'), 16) as key
    from watchpost.model as m
    where m.role = 'embedder'
  loop
    execute format(
      'create index %I on watchpost.person_vector using hnsw ((vector::halfvec(%s)) halfvec_l2_ops) with (m = 40, ef_construction = 200) where model_id = %L',
      'person_vector_hnsw_' || known.key, known.dimension + 2, known.id
    );
  end loop;
end;
$$;

comment on table  watchpost.person_vector        is 'What probes are compared with: one row for each person and model, computed from the standing references. Written only by the triggers of reference.';
comment on column watchpost.person_vector.vector is 'The mean of the references'' vectors, scaled, and two numbers more: the inner product with a probe to which 1 and 0 are appended is the similarity. See watchpost.similarity().';

-- An HNSW index takes vectors of 4,000 numbers, and those of people have two more than the model's.
alter table watchpost.model
  drop constraint model_dimension_check,
  add constraint model_dimension_check check (dimension between 1 and 3998);

-- named thresholds ------------------------------------------------------------------------------------------------------

alter table watchpost.model
  add column thresholds jsonb,
  add column opened_at  timestamptz not null default now(),
  add constraint model_thresholds_check check (
    thresholds is null
    or (
      role = 'embedder'
      -- A name that is missing or null would leave the test without an answer, which passes.
      and coalesce((thresholds ->> 'loose')::real between 0 and 1, false)
      and coalesce((thresholds ->> 'default')::real between 0 and 1, false)
      and coalesce((thresholds ->> 'strict')::real between 0 and 1, false)
    )
  );

comment on column watchpost.model.thresholds is 'Of an embedder: the thresholds that lists may name, {"loose": …, "default": …, "strict": …}.';
comment on column watchpost.model.opened_at  is 'When a process last registered it. Lists that name a threshold take it from the embedder that was registered last.';

alter table watchpost.watchlist
  alter column threshold drop default,
  add column threshold_name text check (threshold_name in ('loose', 'default', 'strict'));

comment on column watchpost.watchlist.threshold_name is 'loose, default or strict: the threshold is the model''s of that name, and follows it when another embedder is used. Null: the threshold was set by hand, or by target_fpir. A list that is given none of the three is default.';

-- Lists whose threshold was the default follow the model from now on.
alter table watchpost.watchlist disable trigger user;
update watchpost.watchlist set threshold_name = 'default', threshold = 0.5 where threshold = 0.45::real and target_fpir is null;
alter table watchpost.watchlist enable trigger user;
