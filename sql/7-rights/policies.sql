-- Row-level security: who sees which rows. A row is visible where its site is one of watchpost.my_sites(); most tables have
-- no site of their own and lead to a photo, a list or a person. Whoever sees all sites sees everything, which is asked
-- first, once a statement: see sql/1-base/scope.sql.
--
-- The owner of the tables and superusers are not subject to it. The policies name no role, because one for a role could not
-- be restored where that role is not there; who may do what at all is in roles.sql.
--
-- Foreign keys look past it. So a row that leads to something invisible is refused by its policy, or where that would be a
-- circle by a trigger below: otherwise whoever knows the id of another site's person could put them on a list and see them.
--
--   relation   the table
--   visible    which rows are seen, unless whoever acts sees all
--   writable   which rows may be written; null: those that are visible
do $$
declare
  item record;
  written record;
  all_or constant text := '(select watchpost.sees_all()) or ';
  scope constant text := '(select watchpost.my_scope())';
  own_site constant text := 'site_id = any ((select watchpost.my_sites())::uuid[])';
  sees_all_lists constant text := '(select watchpost.my_watchlists()) is null';
  own_camera constant text :=
    'coalesce(%s = any ((select watchpost.my_cameras())::uuid[]), (select watchpost.my_cameras()) is null)';
  own_photo constant text := own_site || $p$ and (purpose = 'reference' or $p$ || format(own_camera, 'camera_id') || ')';
  visible text;
  writable text;
begin
  for item in
    select t.relation, t.visible, t.writable
    from (
      values
        ('site', 'id = any ((select watchpost.my_sites())::uuid[])', 'false'),
        ('site_member', own_site, 'false'),
        ('data_key', own_site, 'false'),
        ('api_key', 'watchpost.may_manage_key(sites, cameras, watchlists)', null),

        ('plan', own_site, null),
        ('camera', own_site || ' and ' || format(own_camera, 'id'), null),
        ('camera_place', 'watchpost.shows_camera(SCOPE, camera_id)', null),
        ('track', 'watchpost.shows_camera(SCOPE, camera_id)', null),
        ('camera_secret', 'watchpost.shows_camera(SCOPE, camera_id)', null),
        ('camera_watch', 'watchpost.shows_camera(SCOPE, camera_id)', null),
        ('image', own_photo || $p$ or (purpose = 'reference' and watchpost.shows_image(SCOPE, id))$p$, own_photo),
        ('face', 'watchpost.shows_image(SCOPE, image_id)', null),
        ('still_frame', 'watchpost.shows_image(SCOPE, image_id)', null),
        ('embedding', 'watchpost.shows_face(SCOPE, face_id)', null),
        ('demography', 'watchpost.shows_face(SCOPE, face_id)', null),
        ('search', 'watchpost.shows_face(SCOPE, face_id)', null),

        (
          'person',
          own_site || ' and (' || sees_all_lists || ' or id = watchpost.new_person()) or watchpost.shows_person(SCOPE, id)',
          own_site
        ),
        ('person_photo', 'watchpost.shows_person(SCOPE, person_id)', 'watchpost.owns_person(SCOPE, person_id)'),
        ('reference', 'watchpost.shows_person(SCOPE, person_id)', 'watchpost.owns_person(SCOPE, person_id)'),
        ('person_vector', 'watchpost.shows_person(SCOPE, person_id)', 'watchpost.owns_person(SCOPE, person_id)'),
        ('backfill', 'watchpost.shows_person(SCOPE, person_id)', null),
        (
          'person_merge', 'watchpost.shows_person(SCOPE, kept_id) and watchpost.shows_person(SCOPE, merged_id)', null
        ),
        (
          'person_merge_row', 'exists (select from watchpost.person_merge as m where m.id = merge_id)', null
        ),
        (
          'cannot_link',
          'watchpost.shows_person(SCOPE, person_id)
            and (face_id is null or watchpost.shows_face(SCOPE, face_id))
            and (other_person_id is null or watchpost.shows_person(SCOPE, other_person_id))',
          null
        ),
        ('stranger', 'exists (select from watchpost.stranger_face as f where f.stranger_id = stranger.id)', null),
        ('stranger_face', 'watchpost.shows_face(SCOPE, face_id)', null),
        (
          'stranger_rule', own_site || ' and ' || sees_all_lists,
          own_site || ' and ' || sees_all_lists || ' and (select watchpost.my_cameras()) is null'
        ),
        ('stranger_alert', 'watchpost.shows_camera(SCOPE, camera_id) and ' || sees_all_lists, 'false'),

        (
          'watchlist',
          own_site || ' and coalesce(id = any ((select watchpost.my_watchlists())::uuid[]), ' || sees_all_lists || ')', null
        ),
        ('watchlist_entry', 'watchpost.shows_watchlist(SCOPE, watchlist_id)', null),
        ('match', 'watchpost.shows_watchlist(SCOPE, watchlist_id) and watchpost.shows_image(SCOPE, image_id)', null),
        ('alert', 'watchpost.shows_watchlist(SCOPE, watchlist_id) and watchpost.shows_match(SCOPE, best_match_id)', null),
        ('alert_match', 'watchpost.shows_alert(SCOPE, alert_id) and watchpost.shows_match(SCOPE, match_id)', null),
        ('alert_review', 'watchpost.shows_alert(SCOPE, alert_id)', null),

        ('alarm', own_site || ' and watchpost.shows_camera(SCOPE, camera_id)', 'false'),

        ('endpoint', own_site, null),
        (
          'endpoint_watchlist',
          'watchpost.shows_endpoint(SCOPE, endpoint_id) and watchpost.shows_watchlist(SCOPE, watchlist_id)', null
        ),
        ('endpoint_secret', 'watchpost.shows_endpoint(SCOPE, endpoint_id)', null),
        ('endpoint_credential', 'watchpost.shows_endpoint(SCOPE, endpoint_id)', null),
        ('endpoint_wait', 'watchpost.shows_endpoint(SCOPE, endpoint_id)', null),
        ('link_key', 'false', null),
        ('paging', 'watchpost.shows_watchlist(SCOPE, watchlist_id)', null),
        ('paging_quiet', 'watchpost.shows_watchlist(SCOPE, watchlist_id)', null),
        (
          'paging_step',
          'watchpost.shows_watchlist(SCOPE, watchlist_id) and watchpost.shows_endpoint(SCOPE, endpoint_id)', null
        ),
        ('home', 'watchpost.shows_endpoint(SCOPE, endpoint_id)', 'false'),
        ('home_topic', 'watchpost.shows_endpoint(SCOPE, endpoint_id)', 'false'),
        ('paging_held', 'watchpost.shows_endpoint(SCOPE, endpoint_id) and watchpost.shows_alert(SCOPE, alert_id)', null),
        ('escalation', 'watchpost.shows_endpoint(SCOPE, endpoint_id) and watchpost.shows_alert(SCOPE, alert_id)', null),
        ('notification', 'watchpost.shows_endpoint(SCOPE, endpoint_id) and watchpost.shows_alert(SCOPE, alert_id)', null),
        ('delivery', 'watchpost.shows_endpoint(SCOPE, endpoint_id)', null),

        -- A bridge publishes all events of its site.
        ('bridge', own_site || ' and ' || sees_all_lists || ' and (select watchpost.my_cameras()) is null', null),
        ('bridge_state', 'exists (select from watchpost.bridge as b where b.id = bridge_id)', null),
        ('bridge_secret', 'exists (select from watchpost.bridge as b where b.id = bridge_secret.id)', null),

        ('event', 'watchpost.shows_event(SCOPE, topic, subject_id, image_id, payload)', null),
        ('handling', 'watchpost.shows_event_of(SCOPE, event_id)', null),
        ('event_content', 'watchpost.shows_event_of(SCOPE, event_id)', 'false'),
        ('outbox', 'watchpost.shows_event_of(SCOPE, event_id)', null),
        ('access', 'watchpost.shows_access(SCOPE, subject_kind, subject_id, person_ids)', null),
        ('retention', 'camera_id is null or watchpost.shows_camera(SCOPE, camera_id)', null),
        ('erasure', 'watchpost.shows_erasure(SCOPE, site_id, actor)', 'false'),
        ('erasure_leaf', 'false', null),
        ('erasure_face', 'false', null),
        ('claim', 'false', null),
        ('key_calls', 'false', null),
        ('key_stream', 'false', null),
        ('session', 'false', null),
        -- By functions only: the answers have what their callers may see.
        ('idempotency', 'false', null),
        -- The ids of all events.
        ('seal_leaves', 'false', null)
    ) as t (relation, visible, writable)
  loop
    visible := all_or || '(' || replace(item.visible, 'SCOPE', scope) || ')';
    writable := all_or || '(' || replace(item.writable, 'SCOPE', scope) || ')';
    execute format('alter table watchpost.%I enable row level security', item.relation);
    execute format('drop policy if exists sites on watchpost.%I', item.relation);
    if writable is null then
      execute format('create policy sites on watchpost.%I using (%s)', item.relation, visible);
      continue;
    end if;
    execute format('create policy sites on watchpost.%I for select using (%s)', item.relation, visible);
    for written in
      select c.command, format(c.clauses, writable) as clauses
      from (
        values ('insert', 'with check (%s)'), ('update', 'using (%1$s) with check (%1$s)'), ('delete', 'using (%s)')
      ) as c (command, clauses)
    loop
      execute format('drop policy if exists sites_%s on watchpost.%I', written.command, item.relation);
      execute format(
        'create policy sites_%1$s on watchpost.%2$I for %1$s %3$s', written.command, item.relation, written.clauses
      );
    end loop;
  end loop;
end;
$$;


-- With the rights of whoever writes, so that the policies of what it names apply. Only for those to whom they do: a worker
-- pays nothing.
create or replace function watchpost.keep_to_what_is_shown() returns trigger
language plpgsql
as $$
begin
  if not exists (select from watchpost.person as p where p.id = new.person_id) then
    raise exception 'There is no person %.', new.person_id
      using errcode = 'foreign_key_violation', constraint = tg_table_name || '_person_id_fkey';
  end if;
  if tg_table_name = 'watchlist_entry' then
    if not exists (select from watchpost.watchlist as w where w.id = new.watchlist_id) then
      raise exception 'There is no watchlist %.', new.watchlist_id
        using errcode = 'foreign_key_violation', constraint = 'watchlist_entry_watchlist_id_fkey';
    end if;
  elsif not exists (select from watchpost.image as i where i.id = new.image_id) then
    raise exception 'There is no photo %.', new.image_id
      using errcode = 'foreign_key_violation', constraint = 'person_photo_image_id_fkey';
  end if;
  return new;
end;
$$;

comment on function watchpost.keep_to_what_is_shown() is 'Refuses a row that leads to a person, a list or a photo of another site, as if it did not exist.';

create or replace trigger watchlist_entry_shown before insert or update on watchpost.watchlist_entry
for each row when (row_security_active('watchpost.person')) execute function watchpost.keep_to_what_is_shown();

create or replace trigger person_photo_shown before insert or update on watchpost.person_photo
for each row when (row_security_active('watchpost.image')) execute function watchpost.keep_to_what_is_shown();
