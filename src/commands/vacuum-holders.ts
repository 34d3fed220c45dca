import type pg from 'pg';

/** Something that keeps VACUUM from removing dead rows of this database. */
interface VacuumHolder {
  /** What it is and whose, since when, and in what state. */
  readonly found: string;
  /** What to do about it. */
  readonly remedy: string;
}

/** Minutes after which a transaction is named. */
const patienceMinutes = 2;

/** Transactions after which something is named whose time is not known; ten minutes at a photo a second. */
const patienceTransactions = 10_000;

/**
 * What has held VACUUM back for minutes, the longest first: transactions, prepared transactions and replication slots.
 *
 * Every user sees the pid, user and application of a session, and how many transactions ago its snapshot was taken; since
 * when, and what it does, is shown to itself and to members of pg_read_all_stats only.
 */
export const findVacuumHolders = async (
  pool: pg.Pool,
  patience: { minutes?: number; transactions?: number } = {},
): Promise<VacuumHolder[]> => {
  const { minutes = patienceMinutes, transactions = patienceTransactions } = patience;
  const { rows } = await pool.query<VacuumHolder>(holders, [minutes, transactions]);
  return rows;
};

// A snapshot holds VACUUM back in its own database, and one of a replica (hot_standby_feedback) in all. VACUUM's own
// snapshot does not hold others back.
const holders = `
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
      and coalesce(a.query, '') !~* '^\\s*vacuum\\M'
  ),
  holder as (
    select
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
      p.prepared,
      age(p.transaction),
      format('the prepared transaction %L of user %s has waited', p.gid, p.owner),
      format('End it, as its owner: rollback prepared %L; or commit it.', p.gid)
    from pg_prepared_xacts as p
    where p.database = current_database()
    union all
    select
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
  from holder as h
  where h.since < clock_timestamp() - make_interval(secs => $1::float8 * 60)
    or (h.since is null and h.transactions >= $2::integer)
  order by h.transactions desc
  limit 20
`;
