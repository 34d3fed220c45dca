-- Searching by a stored face. With the owner's rights, as search-by-photo.sql says.

create or replace function watchpost.current_embedding(face uuid) returns uuid
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (
    select from watchpost.face as f where f.id = current_embedding.face and watchpost.visible_image(f.image_id)
  ) then
    raise exception 'There is no face %.', current_embedding.face using errcode = 'WP037';
  end if;
  return (
    select e.id
    from watchpost.embedding as e
    join watchpost.model as m on m.id = e.model_id
    where e.face_id = current_embedding.face
    order by e.superseded_at is null desc, m.opened_at desc, e.id desc
    limit 1
  );
end;
$$;

comment on function watchpost.current_embedding(uuid) is 'The id of the latest vector of a face that the caller may see (else WP037); null: it has none yet.';


create or replace function watchpost.named_lists(lists text[]) returns uuid[]
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  unknown text := (
    select n.name
    from unnest(lists) as n (name)
    where not exists (
      select
      from watchpost.watchlist as w
      join watchpost.visible_lists() as v on v.id = w.id
      where w.name = normalize(n.name, nfc) or w.id::text = lower(n.name)
    )
    limit 1
  );
begin
  if unknown is not null then
    raise exception 'There is no watchlist % in force.', quote_literal(unknown) using errcode = 'WP062';
  end if;
  return array(
    select w.id
    from watchpost.watchlist as w
    join watchpost.visible_lists() as v on v.id = w.id
    where w.name in (select normalize(n, nfc) from unnest(lists) as n) or w.id::text in (select lower(n) from unnest(lists) as n)
    order by w.id
  );
end;
$$;

comment on function watchpost.named_lists(text[]) is 'The ids of active lists by their names or ids; an unknown one is an error (WP062).';


create or replace function watchpost.search_face(
  face uuid, lists text[] default null, most integer default 5, reason text default null
) returns table (
  person_id uuid, person text, watchlist text, similarity real, threshold real, reached boolean, ruled_out boolean,
  reference_id uuid, reference_similarity real
)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  found json;
begin
  select s.candidates into found
  from watchpost.embedding as e
  join watchpost.model as m on m.id = e.model_id
  cross join lateral watchpost.search_people(
    m.id, m.dimension, e.vector::real[], most, case when lists is not null then watchpost.named_lists(lists) end, face
  ) as s
  where e.id = watchpost.current_embedding(face);
  found := coalesce(found, '[]');
  perform watchpost.record_access(
    'search', 'face', face, reason,
    jsonb_build_object('people', json_array_length(found)),
    array(select (c ->> 'person_id')::uuid from json_array_elements(found) as c)
  );
  return query
  select
    c.person_id, c.person, w.name, c.similarity, w.threshold, c.similarity >= w.threshold and not c.ruled_out, c.ruled_out,
    c.reference_id, c.reference_similarity
  from json_to_recordset(found) as c (
    person_id uuid, person text, similarity real, ruled_out boolean, reference_id uuid, reference_similarity real, lists json
  )
  cross join lateral json_to_recordset(c.lists) as w (name text, threshold real)
  order by c.similarity desc, c.person_id, w.name;
end;
$$;

comment on function watchpost.search_face is 'Who a stored face is most like, among the people on the active lists, or on the given ones: one row for each person and list, most alike first, whether or not the threshold is reached. Changes nothing, and is recorded in access, with the reason.';


create or replace function watchpost.similar_faces(
  face uuid, least_similarity real default null, most integer default 100, since timestamptz default null,
  reason text default null
) returns table (
  face_id uuid, image_id uuid, similarity real, seen_at timestamptz, camera text, location text, person_id uuid,
  person text, stranger_id uuid
)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  probe uuid := watchpost.current_embedding(face);
begin
  perform watchpost.record_access('search', 'face', face, reason, '{"past": true}');
  return query
  select s.face_id, s.image_id, s.similarity, s.seen_at, s.camera, s.location, s.person_id, s.person, s.stranger_id
  from watchpost.embedding as e
  join watchpost.model as m on m.id = e.model_id
  cross join lateral watchpost.search_past_faces(
    m.id, m.dimension, e.vector::real[], coalesce(least_similarity, watchpost.named_threshold('default')), most, since, face
  ) as s
  where e.id = probe;
end;
$$;

comment on function watchpost.similar_faces is 'Where else a face was seen: the faces of stored photos that are like it, most alike first, with when, where, and who they were found to be. least_similarity: null is the default threshold of the embedder. Reads every stored vector of the model, and is recorded in access.';


select watchpost.add_vector_schema('{search_face,similar_faces}');
