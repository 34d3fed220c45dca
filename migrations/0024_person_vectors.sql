-- Who looks like a face is found by one vector a person, the mean of their references, which is what similarity always
-- was. So an index holds a quarter of the vectors, and what it is asked for is what is wanted: nobody is missed because
-- no single one of their photos was among the nearest. sql/4-people/person-vectors.sql keeps it.

-- Whoever enrols or takes back meanwhile waits, and then finds the triggers; searches go on, by the old index.
lock table watchpost.reference in share row exclusive mode;

-- An argument has another name, or one was added; sql/ makes them anew.
drop function if exists watchpost.nearest_by_index(halfvec, text, integer, uuid[]);
drop function if exists watchpost.next_past_faces(uuid, uuid, integer, integer);

create table watchpost.person_vector (
  person_id       uuid not null references watchpost.person on delete cascade,
  model_id        text not null references watchpost.model,
  vector          halfvec not null,
  reference_count integer not null check (reference_count > 0),
  primary key (person_id, model_id)
);

comment on table  watchpost.person_vector                 is 'What probes are compared with: the mean of a person''s standing references of one model. Written by nobody but the triggers of reference.';
comment on column watchpost.person_vector.person_id       is 'Whose it is.';
comment on column watchpost.person_vector.model_id        is 'The embedder. Vectors of different models are never compared.';
comment on column watchpost.person_vector.vector          is 'The mean of the references'' vectors; not of unit length. Its cosine with a probe is the similarity of the person.';
comment on column watchpost.person_vector.reference_count is 'Of how many references.';

insert into watchpost.person_vector (person_id, model_id, vector, reference_count)
select r.person_id, r.model_id, avg(r.vector), count(*)
from watchpost.reference as r
where r.superseded_at is null
group by r.person_id, r.model_id;

-- As register_model makes them for a model that comes later.
do $$
declare
  known record;
begin
  -- A parallel build of pgvector 0.8.0 can fail. Only as much memory is taken as the vectors need, 2.5 kB each.
  perform set_config('max_parallel_maintenance_workers', '0', true);
  perform set_config('maintenance_work_mem', '1GB', true);
  for known in
    select m.id, m.dimension, left(encode(sha256(convert_to(m.id, 'UTF8')), 'hex'), 16) as key
    from watchpost.model as m
    where m.role = 'embedder'
  loop
    execute format(
      'create index %I on watchpost.person_vector using hnsw ((vector::halfvec(%s)) halfvec_cosine_ops) with (m = 24, ef_construction = 128) where model_id = %L',
      'person_vector_hnsw_' || known.key, known.dimension, known.id
    );
    execute format('drop index if exists watchpost.%I', 'reference_hnsw_' || known.key);
  end loop;
end;
$$;
