-- An embedder gets an HNSW index over the vectors of people by it, because vectors of different models are not comparable
-- and an index needs one dimension.
create or replace function watchpost.register_model(
  id text, role text, sha256 text, dimension integer, licence text
) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  known_sha256 text;
  -- Where pgvector lives: an owner's function looks into no schema that it does not name.
  home text := (
    select quote_ident(n.nspname)
    from pg_extension as e
    join pg_namespace as n on n.oid = e.extnamespace
    where e.extname = 'vector'
  );
begin
  perform pg_advisory_xact_lock(hashtext('watchpost.register_model'));
  select m.sha256 into known_sha256 from watchpost.model as m where m.id = register_model.id;
  if found then
    if known_sha256 <> register_model.sha256 then
      raise exception 'The model % is registered here with other weights (sha256 %, not %).', register_model.id, known_sha256, register_model.sha256
        using errcode = 'WP005', hint = 'Give other weights another model id, so that their vectors are kept apart.';
    end if;
    return;
  end if;

  insert into watchpost.model (id, role, sha256, dimension, licence)
  values (register_model.id, register_model.role, register_model.sha256, register_model.dimension, register_model.licence);

  if role = 'embedder' then
    -- Denser than pgvector makes it by itself: see nearest_by_index.
    execute format(
      'create index if not exists %I on watchpost.person_vector using hnsw ((vector::%s.halfvec(%s)) %2$s.halfvec_cosine_ops) with (m = 40, ef_construction = 200) where model_id = %4$L',
      'person_vector_hnsw_' || left(encode(sha256(convert_to(register_model.id, 'UTF8')), 'hex'), 16),
      home,
      dimension,
      register_model.id
    );
  end if;
end;
$$;

comment on function watchpost.register_model is 'Makes a model known, once; the same id with other weights is an error (WP005).';
