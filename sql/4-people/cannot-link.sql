-- What a cannot_link rules out.
--
-- emits cannot_link.added, cannot_link.removed, which backfill consumes

create or replace function watchpost.overlap(a watchpost.face, b watchpost.face) returns real
language sql immutable
return (
  greatest(0, least(a.box_x + a.box_width, b.box_x + b.box_width) - greatest(a.box_x, b.box_x))
    * greatest(0, least(a.box_y + a.box_height, b.box_y + b.box_height) - greatest(a.box_y, b.box_y))
) / nullif(
  a.box_width * a.box_height + b.box_width * b.box_height
    - greatest(0, least(a.box_x + a.box_width, b.box_x + b.box_width) - greatest(a.box_x, b.box_x))
      * greatest(0, least(a.box_y + a.box_height, b.box_y + b.box_height) - greatest(a.box_y, b.box_y)),
  0
);

comment on function watchpost.overlap is 'Intersection over union of the boxes of two faces of one photo, 0 to 1.';


-- Faces of one photo whose boxes overlap by more than half (intersection over union) are one face, found again by a
-- replay of detect: in one run the detector drops boxes that overlap by more than 0.4.
create or replace function watchpost.same_faces(face uuid) returns setof uuid
language sql stable
begin atomic
  select f.id
  from watchpost.face as given
  join watchpost.face as f on f.image_id = given.image_id
  where given.id = same_faces.face and (f.id = given.id or watchpost.overlap(f, given) > 0.5);
end;

comment on function watchpost.same_faces(uuid) is 'A face, and every face of its photo that is the same one, found by another run of detect.';


-- What is said of one face of a track is said of the track, whose matches are those of one of its faces.
create or replace function watchpost.faces_meant(face uuid) returns setof uuid
language sql stable
begin atomic
  select s.face_id from watchpost.same_faces(faces_meant.face) as s (face_id)
  union
  select t.face_id
  from watchpost.same_faces(faces_meant.face) as s (face_id)
  join watchpost.face as f on f.id = s.face_id
  join watchpost.track as t on t.id = f.track_id
  where t.face_id is not null;
end;

comment on function watchpost.faces_meant(uuid) is 'The faces that a cannot_link of a face is about: same_faces(), and the face that stands for their track.';


-- The face of a cannot_link also rules out faces that are more similar to it than to the person, because the same
-- stranger comes back in the next frame. On the ORL portraits, with 3 photos enrolled and a cannot_link for the most
-- similar stranger, this ruled out all 218 other photos of that stranger from 0.40 on, and none of 5,526 true matches.
create or replace function watchpost.is_ruled_out(
  person uuid, face uuid, model text, probe halfvec, similarity real
) returns boolean
language plpgsql stable
as $$
begin
  return exists (
    select
    from watchpost.cannot_link as c
    cross join lateral watchpost.faces_meant(c.face_id) as declared (face_id)
    left join watchpost.embedding as e on e.face_id = declared.face_id and e.model_id = model
    where c.person_id = person
      and c.face_id is not null
      and (declared.face_id = face or watchpost.likeness(e.vector, probe) > is_ruled_out.similarity)
  );
end;
$$;

comment on function watchpost.is_ruled_out is 'Whether a cannot_link rules out that a face is this person: one of this face, or of a face that it is more similar to than to the person.';


-- Matches against it are withdrawn at once, and restored when the row is deleted. What follows from that, such as a
-- match of another face of the photo, is found by the backfill that consumes the event.
create or replace function watchpost.emit_cannot_link() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  matches uuid[];
  own uuid;
  person uuid;
begin
  if tg_op = 'INSERT' then
    if exists (select from changed_rows as c where c.person_id = c.other_person_id) then
      raise exception 'A person cannot be ruled out as themselves.'
        using errcode = 'WP040', hint = 'Give two different people.';
    end if;
    select e.face_id into own
    from changed_rows as c
    join watchpost.reference as r on r.person_id = c.person_id and r.superseded_at is null
    join watchpost.embedding as e on e.id = r.embedding_id and e.face_id = c.face_id
    limit 1;
    if found then
      raise exception 'The face % is one of this person''s own references.', own
        using errcode = 'WP040', hint = 'If it is not them, remove the photo first.';
    end if;
    perform watchpost.lock_images(array(
      select f.image_id from changed_rows as c join watchpost.face as f on f.id = c.face_id
    ));
    matches := array(
      select m.id
      from changed_rows as c
      cross join lateral watchpost.faces_meant(c.face_id) as declared (face_id)
      join watchpost.match as m
        on m.face_id = declared.face_id and m.person_id = c.person_id and m.superseded_at is null
      where c.face_id is not null
    );
    if matches <> '{}' then
      perform watchpost.withdraw_matches(matches, 'cannot_link');
    end if;
  else
    for person in select distinct c.person_id from changed_rows as c where c.face_id is not null order by 1 loop
      perform watchpost.restore_matches(person);
    end loop;
  end if;

  insert into watchpost.event (topic, subject_id, image_id, payload, tasks)
  select
    s.topic, c.id, f.image_id,
    jsonb_strip_nulls(jsonb_build_object(
      'cannot_link_id', c.id, 'person_id', c.person_id, 'face_id', c.face_id, 'image_id', f.image_id,
      'other_person_id', c.other_person_id, 'alert_id', c.alert_id, 'by', watchpost.actor(),
      'taken_back', case when tg_op = 'DELETE' then true end
    )),
    watchpost.subscribers(s.topic)
  from changed_rows as c
  left join watchpost.face as f on f.id = c.face_id
  cross join (select case tg_op when 'INSERT' then 'cannot_link.added' else 'cannot_link.removed' end as topic) as s;
  return null;
end;
$$;

comment on function watchpost.emit_cannot_link() is 'Refuses a cannot_link of a person with themselves (WP040), withdraws the matches that it contradicts, restores those that a deleted one had withdrawn, and writes cannot_link.added or cannot_link.removed.';

create or replace trigger cannot_link_added after insert on watchpost.cannot_link
referencing new table as changed_rows
for each statement execute function watchpost.emit_cannot_link();

create or replace trigger cannot_link_removed after delete on watchpost.cannot_link
referencing old table as changed_rows
for each statement execute function watchpost.emit_cannot_link();

-- For a search that started before the cannot_link was committed: it is refused, and its retry takes it into account.
create or replace function watchpost.check_match() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  wrong record;
begin
  select m.face_id, m.person_id into wrong
  from new_rows as m
  join watchpost.cannot_link as c on c.person_id = m.person_id and c.face_id is not null
  cross join lateral watchpost.faces_meant(c.face_id) as declared (face_id)
  where declared.face_id = m.face_id and m.superseded_at is null
  limit 1;
  if found then
    raise exception 'A cannot_link says that the face % is not the person %.', wrong.face_id, wrong.person_id
      using errcode = 'WP041', hint = 'To undo that, delete the row of cannot_link.';
  end if;
  return null;
end;
$$;

comment on function watchpost.check_match() is 'Refuses a match against a cannot_link of the same face (WP041).';

create or replace trigger match_check after insert on watchpost.match
referencing new table as new_rows
for each statement execute function watchpost.check_match();
