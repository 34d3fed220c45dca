-- What may be erased, and by whom.

create or replace function watchpost.is_known(what text, subject uuid, people uuid[]) returns boolean
language sql stable
return case what
  when 'image' then exists (select from watchpost.image as i where i.id = subject)
  else exists (select from watchpost.person as p where p.id = subject)
    or exists (select from watchpost.event_content as c where c.person_id = any (people) or c.other_person_id = any (people))
end;

comment on function watchpost.is_known is 'Whether there is something to erase: the image or the person, or what events say about a person who was deleted before.';

create or replace function watchpost.shows_erasure(scope watchpost.scope, site uuid, actor text) returns boolean
language sql stable
return site = any (scope.sites)
  and (scope.cameras is null and scope.watchlists is null or actor = watchpost.actor());

comment on function watchpost.shows_erasure is 'Whether the receipt of an erasure is within a scope: of one of its sites. Whoever is bound to cameras or lists is shown their own receipts.';


-- The functions below run with their owner's rights, for whom row-level security does not exist.
create or replace function watchpost.assert_erasable(what text, subject uuid) returns void
language plpgsql stable
as $$
declare
  scope watchpost.scope;
  found_image record;
begin
  if watchpost.sees_all() then
    return;
  end if;
  scope := watchpost.my_scope();
  -- Gone on with, or asked for again: the person may be on no list any more, and the image gone.
  if exists (
    select
    from watchpost.erasure as e
    where e.what = assert_erasable.what and e.subject_id = subject and watchpost.shows_erasure(scope, e.site_id, e.actor)
  ) then
    return;
  end if;
  if what = 'person' then
    perform watchpost.assert_own_person(subject);
    return;
  end if;
  select
    watchpost.shows_image(scope, i.id) as shown,
    i.site_id = any (scope.sites)
      and (i.purpose = 'reference' or scope.cameras is null or coalesce(i.camera_id = any (scope.cameras), false)) as own
  into found_image
  from watchpost.image as i
  where i.id = subject;
  if not coalesce(found_image.shown, false) then
    raise exception 'There is no image %.', subject using errcode = 'WP090';
  elsif not found_image.own then
    raise exception 'The image % is of another site, which alone may erase it.', subject
      using errcode = 'insufficient_privilege';
  end if;
end;
$$;

comment on function watchpost.assert_erasable is 'Part of begin_erasure: what whoever acts may not see is an error as if it did not exist (WP004, WP090), and so is what another site has enrolled (42501).';
