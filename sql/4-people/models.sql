-- Registering models. Each embedder gets an HNSW index of its own over person_vector: vectors of different models are
-- not comparable, and an index needs one dimension.

create or replace function watchpost.people_index(model text) returns text
language sql immutable parallel safe
return 'person_vector_hnsw_' || left(encode(sha256(convert_to(model, 'UTF8')), 'hex'), 16);

comment on function watchpost.people_index(text) is 'Name of the HNSW index over the people''s vectors of one embedder.';


create or replace function watchpost.index_people() returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  -- The schema of pgvector, because the function's search path does not contain it.
  home text := (
    select quote_ident(n.nspname)
    from pg_extension as e
    join pg_namespace as n on n.oid = e.extnamespace
    where e.extname = 'vector'
  );
  model record;
begin
  for model in
    select m.id, m.dimension
    from watchpost.model as m
    where m.role = 'embedder' and to_regclass('watchpost.' || watchpost.people_index(m.id)) is null
    order by m.id
  loop
    -- A parallel build of pgvector 0.8.0 can fail.
    perform set_config('max_parallel_maintenance_workers', '0', true);
    -- Denser than pgvector's default: see nearest_by_index.
    execute format(
      'create index if not exists %I on watchpost.person_vector using hnsw ((vector::%s.halfvec(%s)) %2$s.halfvec_l2_ops) with (m = 40, ef_construction = 200) where model_id = %4$L',
      watchpost.people_index(model.id),
      home,
      model.dimension + 2,
      model.id
    );
  end loop;
end;
$$;

comment on function watchpost.index_people() is 'Creates the HNSW index over the people''s vectors of each embedder that has none.';


create or replace function watchpost.register_model(
  id text, role text, sha256 text, dimension integer, licence text, thresholds jsonb default null
) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  known_sha256 text;
begin
  perform pg_advisory_xact_lock(hashtext('watchpost.register_model'));
  select m.sha256 into known_sha256 from watchpost.model as m where m.id = register_model.id;
  if found then
    if known_sha256 <> register_model.sha256 then
      raise exception 'The model % is registered here with other weights (sha256 %, not %).', register_model.id, known_sha256, register_model.sha256
        using errcode = 'WP005', hint = 'Give other weights another model id, so that their vectors are kept apart.';
    end if;
    update watchpost.model as m
    set thresholds = coalesce(register_model.thresholds, m.thresholds), opened_at = clock_timestamp()
    where m.id = register_model.id;
    perform watchpost.follow_model();
    return;
  end if;

  insert into watchpost.model (id, role, sha256, dimension, licence, thresholds, opened_at)
  values (
    register_model.id, register_model.role, register_model.sha256, register_model.dimension, register_model.licence,
    register_model.thresholds, clock_timestamp()
  );
  perform watchpost.follow_model();
  perform watchpost.index_people();
end;
$$;

comment on function watchpost.register_model is 'Registers a model; the same id with other weights is an error (WP005). thresholds, of an embedder: {"loose": …, "default": …, "strict": …}; lists that name one follow.';


-- The constants are those of the default embedder in models/manifest.ts, for lists created before any model was
-- registered; a test compares them.
create or replace function watchpost.named_threshold(name text) returns real
language sql stable
return coalesce(
  (
    select (m.thresholds ->> named_threshold.name)::real
    from watchpost.model as m
    where m.thresholds is not null
    order by m.opened_at desc, m.id
    limit 1
  ),
  ('{"loose": 0.42, "default": 0.5, "strict": 0.55}'::jsonb ->> named_threshold.name)::real
);

comment on function watchpost.named_threshold is 'The threshold of this name (loose, default or strict) of the embedder that was registered last; null: there is no such name.';


create or replace function watchpost.follow_model() returns void
language sql
begin atomic
  update watchpost.watchlist as w
  set threshold = watchpost.named_threshold(w.threshold_name)
  where w.threshold <> watchpost.named_threshold(w.threshold_name);
end;

comment on function watchpost.follow_model() is 'Updates lists that name their threshold to that of the embedder registered last.';
