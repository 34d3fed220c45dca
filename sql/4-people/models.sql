-- Registering models.
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
