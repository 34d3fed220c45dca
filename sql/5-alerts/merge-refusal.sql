-- Which two people cannot be merged.

create or replace function watchpost.refuse_merge(keep uuid, merged uuid) returns void
language plpgsql stable
as $$
declare
  named constant text := format(
    '%L and %L',
    (select p.name from watchpost.person as p where p.id = keep),
    (select p.name from watchpost.person as p where p.id = merged)
  );
  wrong record;
begin
  select c.id, c.created_by, c.created_at, c.reason into wrong
  from watchpost.cannot_link as c
  where (c.person_id, c.other_person_id) in ((keep, merged), (merged, keep))
  limit 1;
  if found then
    raise exception '% has said that % are two people%.', wrong.created_by, named, coalesce(': ' || nullif(wrong.reason, ''), '')
      using errcode = 'WP080',
            hint = format('If they are one, take that back first: delete from watchpost.cannot_link where id = %L.', wrong.id);
  end if;

  select c.id, c.created_by into wrong
  from watchpost.cannot_link as c
  cross join lateral watchpost.same_faces(c.face_id) as declared (face_id)
  join watchpost.embedding as e on e.face_id = declared.face_id
  join watchpost.reference as r on r.embedding_id = e.id and r.superseded_at is null
  where (c.person_id, r.person_id) in ((keep, merged), (merged, keep))
  limit 1;
  if found then
    raise exception '% has said of a face that enrols one of % that it is not the other.', wrong.created_by, named
      using errcode = 'WP080',
            hint = format('If they are one, take that back first: delete from watchpost.cannot_link where id = %L.', wrong.id);
  end if;

  select k.image_id, m.id into wrong
  from watchpost.person_photo as k
  join watchpost.person_photo as m on m.image_id = k.image_id and m.person_id = merged and m.removed_at is null
  where k.person_id = keep and k.removed_at is null
  limit 1;
  if found then
    raise exception 'The photo % enrols both of %, who are two faces there.', wrong.image_id, named
      using errcode = 'WP080',
            hint = format('If one of the faces is somebody else, remove it first: select watchpost.remove_photo(%L, ''not them'').', wrong.id);
  end if;
end;
$$;

comment on function watchpost.refuse_merge(uuid, uuid) is 'Two people of whom somebody has said that they are two, by a cannot_link or by a photo that enrols both, are an error (WP080).';
