-- What keeps VACUUM from removing deleted rows, which then slow down every scan of a queue.

-- A snapshot holds VACUUM back in its own database, and one of a replica (hot_standby_feedback) in all. VACUUM's own
-- snapshot does not hold others back.
--
-- Every user sees the pid, user and application of a session, and how many transactions ago its snapshot was taken; since
-- when, and what it does, is shown to itself and to members of pg_read_all_stats only.
create or replace view watchpost.vacuum_holder with (security_invoker = true) as
with session as (
  select
    a.pid,
    a.xact_start as since,
    greatest(age(a.backend_xmin), age(a.backend_xid)) as transactions,
    format(
      'pid %s (user %s, application %s%s)',
      a.pid,
      coalesce(a.usename, 'unknown'),
      coalesce(nullif(a.application_name, ''), 'without a name'),
      ', from ' || host(a.client_addr)
    ) as who,
    a.state,
    a.backend_type = 'walsender' as is_replica
  from pg_stat_activity as a
  where a.pid <> pg_backend_pid()
    and (a.backend_xmin is not null or a.backend_xid is not null)
    and (a.datname = current_database() or a.datname is null)
    and a.backend_type is distinct from 'autovacuum worker'
    and coalesce(a.query, '') !~* '^\s*vacuum\M'
),
holder as (
  select
    'pid ' || s.pid as subject,
    s.since,
    s.transactions,
    case
      when s.is_replica then 'the replica of ' || s.who || ' reads old rows'
      when s.since is null then s.who || ' has had a transaction open'
      else s.who || ' has had a transaction open, now ' || coalesce(s.state, 'in an unknown state') || ','
    end as found,
    case
      when s.is_replica then 'End the long query on that replica, or set hot_standby_feedback = off there.'
      else format('Let it end, or end it: select pg_terminate_backend(%s);', s.pid)
        || case
          when s.since is null then ' A member of pg_read_all_stats sees since when, and what it does.'
          else ''
        end
    end as remedy
  from session as s
  union all
  select
    format('prepared transaction %L', p.gid),
    p.prepared,
    age(p.transaction),
    format('the prepared transaction %L of user %s has waited', p.gid, p.owner),
    format('End it, as its owner: rollback prepared %L; or commit it.', p.gid)
  from pg_prepared_xacts as p
  where p.database = current_database()
  union all
  select
    format('replication slot %I', r.slot_name),
    null,
    age(r.xmin),
    format(
      'the replication slot %I, %s, has kept old rows',
      r.slot_name,
      case when r.active then 'used by pid ' || r.active_pid else 'which is not in use' end
    ),
    case
      when r.active then 'End the long query on its replica, or set hot_standby_feedback = off there.'
      else format('If its replica is gone for good: select pg_drop_replication_slot(%L);', r.slot_name)
    end
  from pg_replication_slots as r
  where r.xmin is not null
)
select
  h.subject,
  h.since,
  h.transactions,
  h.found
    || case
      when h.since is null then format(' for %s transactions', h.transactions)
      else format(
        ' since %s, %s minutes',
        to_char(h.since, 'YYYY-MM-DD HH24:MI:SS TZ'),
        floor(extract(epoch from clock_timestamp() - h.since) / 60)
      )
    end as found,
  h.remedy
from holder as h;

comment on view   watchpost.vacuum_holder              is 'What keeps VACUUM from removing deleted rows at this moment: transactions, prepared transactions and replication slots. Most of them end within moments.';
comment on column watchpost.vacuum_holder.subject      is 'Which session, prepared transaction or slot.';
comment on column watchpost.vacuum_holder.since        is 'When it began; null: not known, or not shown to whoever asks.';
comment on column watchpost.vacuum_holder.transactions is 'How many transactions ago its snapshot was taken.';
comment on column watchpost.vacuum_holder.found        is 'The same in a sentence: whose it is, since when, and in what state.';
comment on column watchpost.vacuum_holder.remedy       is 'What to do about it.';
