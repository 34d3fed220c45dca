-- Why the purge leaves a photo or a face alone although its time is over.

create or replace function watchpost.reason_to_hold(image uuid, received timestamptz) returns text
language plpgsql stable
as $$
begin
  return coalesce(
    watchpost.reason_to_keep(image),
    case
      when exists (
        select
        from watchpost.face as f
        join watchpost.stranger_face as s on s.face_id = f.id
        where f.image_id = reason_to_hold.image
      ) then 'stranger'
    end,
    case
      when exists (
        select
        from watchpost.image_tasks(image, received) as t
        where not coalesce(t.outcome in ('done', 'gone', 'refused', 'failed'), false)
      ) then 'processing'
    end
  );
end;
$$;

comment on function watchpost.reason_to_hold(uuid, timestamptz) is 'Why the purge leaves a photo alone although its time is over: alert, enrolment, cannot_link as reason_to_keep(); stranger, a face of it is one of a stranger, whose rule applies; processing, a task is still to be done with it. Null: it deletes it.';


create or replace function watchpost.reason_to_hold_face(face uuid) returns text
language plpgsql stable
as $$
begin
  return case
    when exists (
      select
      from watchpost.match as m
      where m.face_id in (
          select reason_to_hold_face.face
          union
          select t.face_id
          from watchpost.face as f
          join watchpost.track as t on t.id = f.track_id
          where f.id = reason_to_hold_face.face
        )
        and (m.superseded_at is null or exists (select from watchpost.alert_match as am where am.match_id = m.id))
    ) then 'match'
    when exists (
      select
      from watchpost.face as f
      join watchpost.person_photo as p on p.image_id = f.image_id and coalesce(p.chosen_face, f.ordinal) = f.ordinal
      where f.id = reason_to_hold_face.face and p.removed_at is null
    ) or exists (
      select
      from watchpost.embedding as e
      join watchpost.reference as r on r.embedding_id = e.id
      where e.face_id = reason_to_hold_face.face
    ) then 'enrolment'
    when exists (select from watchpost.cannot_link as c where c.face_id = reason_to_hold_face.face) then 'cannot_link'
    when exists (select from watchpost.stranger_face as s where s.face_id = reason_to_hold_face.face) then 'stranger'
    when exists (
      select
      from watchpost.face as f
      join watchpost.image as i on i.id = f.image_id
      cross join watchpost.image_tasks(i.id, i.received_at) as t
      where f.id = reason_to_hold_face.face
        and not coalesce(t.outcome in ('done', 'gone', 'refused', 'failed'), false)
    ) then 'processing'
  end;
end;
$$;

comment on function watchpost.reason_to_hold_face(uuid) is 'Why the purge leaves a face alone although its time is over: match, it or its track matched somebody; enrolment, it enrols somebody; cannot_link, somebody has said whom it is not; stranger, it is one of a stranger, whose rule applies; processing, a task is still to be done with its photo. Null: it deletes it.';
