-- Brokers of others, to which events are published and from which photos come.

create table watchpost.bridge (
  id         uuid primary key default watchpost.uuidv7(),
  site_id    uuid default watchpost.own_site() references watchpost.site,
  name       text not null constraint bridge_name_is_name check (watchpost.is_name(name)),
  kind       text not null check (kind in ('kafka', 'rabbitmq', 'nats', 'mqtt', 'celery')),
  direction  text not null check (direction in ('in', 'out')),
  url        text not null constraint bridge_url_is_url check (watchpost.is_url(url)),
  address    text not null constraint bridge_address_is_token check (watchpost.is_token(address)),
  topics     text[] not null default '{}',
  mode       text not null default 'structured' check (mode in ('structured', 'binary')),
  camera_id  uuid references watchpost.camera on delete set null,
  enabled    boolean not null default true,
  created_at timestamptz not null default now() constraint bridge_created_at_is_time check (watchpost.is_time(created_at)),
  removed_at timestamptz constraint bridge_removed_at_is_time check (watchpost.is_time(removed_at)),
  -- The host comes right after the slashes: no user, no password. Several hosts are for Kafka and NATS.
  constraint bridge_url check (url ~* '^(kafkas?|amqps?|nats|tls|mqtts?)://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?(,([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?)*(/[^[:space:][:cntrl:]?#]*)?$'),
  constraint bridge_url_scheme check (
    lower(substring(url from '^[a-zA-Z]+')) = any (
      case kind
        when 'kafka' then '{kafka,kafkas}'::text[]
        when 'nats' then '{nats,tls}'
        when 'mqtt' then '{mqtt,mqtts}'
        else '{amqp,amqps}'
      end
    )
  ),
  constraint bridge_topics check (
    (direction = 'out') = (cardinality(topics) between 1 and 100)
    and array_to_string(topics, ' ', '') ~ '^([a-z_]+[.]([a-z_]+|[*])( |$))*$'
  ),
  constraint bridge_camera_in check (camera_id is null or direction = 'in'),
  check (removed_at is null or not enabled)
);

create unique index bridge_name on watchpost.bridge (site_id, name) nulls not distinct where removed_at is null;
create index bridge_camera on watchpost.bridge (camera_id);

comment on table  watchpost.bridge            is 'A broker of others: events are published there (out), or its messages become photos (in).';
comment on column watchpost.bridge.site_id    is 'The site whose events are published, or to whose cameras photos come; null: all sites, by those who see all.';
comment on column watchpost.bridge.kind       is 'The protocol. celery is RabbitMQ with the tasks of Celery as messages.';
comment on column watchpost.bridge.url        is 'kafka(s)://, amqp(s)://, nats://, tls:// or mqtt(s)://, without credentials, which are in bridge_secret. The path of amqp:// is the virtual host.';
comment on column watchpost.bridge.address    is 'Out: where a message is published, with {topic}, {camera} and {site} replaced. In: where messages are read. Kafka: a topic. RabbitMQ: exchange/routing key out, a queue in. NATS: a subject. MQTT: a topic. Celery: queue/name of the task out, a queue in.';
comment on column watchpost.bridge.topics     is 'Out: the topics of the events that are published; alert.* is all that begin with alert.';
comment on column watchpost.bridge.mode       is 'How a CloudEvent is written: structured, all of it as JSON; binary, its attributes as headers and its data as the body.';
comment on column watchpost.bridge.camera_id  is 'In: the camera of photos whose message names none.';
comment on column watchpost.bridge.removed_at is 'When it was removed; the record of what came through it stays.';


-- Named id, by which the command "encryption" goes through a table.
create table watchpost.bridge_secret (
  id     uuid primary key references watchpost.bridge on delete cascade,
  secret bytea not null check (octet_length(secret) between 2 and 65536)
);

comment on table  watchpost.bridge_secret        is 'How a bridge logs in at its broker. In a table of its own, of which watchpost_reader and API keys read only for which bridges there is one.';
comment on column watchpost.bridge_secret.id     is 'The bridge.';
comment on column watchpost.bridge_secret.secret is 'JSON with username and password, or token. Where encryption is on, it is encrypted by the key of the bridge''s site, or of the first one, when a bridge process first reads it.';


-- Its rows change often and are no part of the record: what came through a bridge is, as images and as bridge.refused.
create table watchpost.bridge_state (
  bridge_id    uuid primary key references watchpost.bridge on delete cascade,
  holder       uuid,
  held_until   timestamptz,
  position     text check (length(position) <= 10000),
  published    bigint not null default 0,
  received     bigint not null default 0,
  refused      bigint not null default 0,
  connected_at timestamptz,
  last_at      timestamptz,
  error        text,
  check ((holder is null) = (held_until is null))
)
with (fillfactor = 50);

comment on table  watchpost.bridge_state              is 'How far each bridge has got, and which process does its work.';
comment on column watchpost.bridge_state.holder       is 'The process that has the lease; it loses it at held_until unless it renews it.';
comment on column watchpost.bridge_state.position     is 'Out: all events up to it were published and confirmed. A snapshot of record_snapshot(), or between two snapshots before/now/xid/id, as a Last-Event-ID of the API is.';
comment on column watchpost.bridge_state.published    is 'Messages that the broker has confirmed; one that was published again counts again.';
comment on column watchpost.bridge_state.received     is 'Messages that were acknowledged, the refused ones too; counted in the process and added now and then, so that a kill may lose some of the count.';
comment on column watchpost.bridge_state.refused      is 'Those of them that became no photo. Each is an event bridge.refused.';
comment on column watchpost.bridge_state.connected_at is 'Since when the broker is connected; null: it is not.';
comment on column watchpost.bridge_state.last_at      is 'When a message was last published or received.';
comment on column watchpost.bridge_state.error        is 'Why the latest attempt to connect, publish or read has failed; null: it has not.';
