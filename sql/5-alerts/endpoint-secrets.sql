-- The secrets that sign what is sent to an endpoint: making, rotating, reading.
--
-- emits endpoint.changed

-- 244 random bits: a UUID has 122 from the server's strong source.
create or replace function watchpost.make_secret() returns text
language sql volatile
return 'whsec_' || encode(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()), 'base64');

comment on function watchpost.make_secret() is 'A new secret, in the form that Standard Webhooks asks for.';


create or replace function watchpost.rotate_secret(
  endpoint uuid,
  keep     interval default '1 day',
  out secret         text,
  out previous_until timestamptz
)
language plpgsql
as $$
begin
  -- Two rotations at the same time wait for each other here.
  perform from watchpost.endpoint as e where e.id = endpoint and e.removed_at is null for update;
  if not found then
    perform watchpost.find_endpoint(endpoint::text);
  end if;
  previous_until := clock_timestamp() + keep;
  delete from watchpost.endpoint_secret as s where s.endpoint_id = endpoint and s.slot = 'previous';
  update watchpost.endpoint_secret as s
  set slot = 'previous', valid_until = previous_until
  where s.endpoint_id = endpoint and s.slot = 'current';
  secret := watchpost.make_secret();
  insert into watchpost.endpoint_secret (endpoint_id, slot, secret) values (endpoint, 'current', rotate_secret.secret);
  insert into watchpost.event (topic, subject_id, payload, tasks)
  values (
    'endpoint.changed', endpoint,
    jsonb_build_object(
      'endpoint_id', endpoint, 'change', 'secret rotated', 'previous_until', previous_until, 'by', watchpost.actor()
    ),
    watchpost.subscribers('endpoint.changed')
  );
end;
$$;

comment on function watchpost.rotate_secret is 'Gives an endpoint a new secret and returns it; it is never shown again. The previous secret also signs for the interval keep; an older one ends at once.';


create or replace function watchpost.valid_secrets(endpoint uuid) returns text[]
language sql volatile
begin atomic
  select array(
    select s.secret
    from watchpost.endpoint_secret as s
    where s.endpoint_id = valid_secrets.endpoint and (s.valid_until is null or s.valid_until > clock_timestamp())
    order by s.slot
  );
end;

comment on function watchpost.valid_secrets(uuid) is 'The secrets that sign a message to this endpoint now: the current one, and the previous one while it is valid.';
