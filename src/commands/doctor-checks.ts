/** What doctor asks the database, in this order. Each statement returns one row: whether it is well, and what was found. */
export const databaseChecks = [
  {
    name: 'pgvector',
    sql: `select coalesce(string_to_array(extversion, '.')::integer[] >= '{0,8}', false) as well,
                 coalesce(extversion, 'not installed') as found
          from (select max(extversion) as extversion from pg_extension where extname = 'vector') as e`,
    remedy: 'Run "npm run watchpost -- migrate", which says what it needs: pgvector 0.8 or newer.',
  },
  {
    // Without huge pages each session maps what it reads page by page: a first search of a million past faces takes 2.6 s
    // or more, and 0.5 s with them. Small databases need none.
    name: 'memory',
    sql: `select true as well,
                 setting || ' shared'
                 || case
                   when status = 'on' then ', huge pages'
                   when status = 'off' and bytes >= 1024 ^ 3 then
                     '; set vm.nr_hugepages to ' || pages || ' on its machine, and searches of the past need not map it page by page'
                   else ''
                 end as found
          from (
            select
              current_setting('shared_buffers') as setting,
              pg_size_bytes(current_setting('shared_buffers')) as bytes,
              current_setting('huge_pages_status', true) as status,
              current_setting('shared_memory_size_in_huge_pages', true) as pages
          ) as m`,
    remedy: '',
  },
  {
    // No failure: to migrate takes the owner. The embedded database has one user.
    name: 'rights',
    sql: `select true as well,
                 session_user || case
                   when (select rolsuper from pg_roles where rolname = session_user)
                     then ' is a superuser: more than workers and the API need, which is watchpost_work'
                   when pg_has_role(session_user, (select relowner from pg_class where oid = 'watchpost.event'::regclass), 'usage')
                     then ' owns the tables: more than workers and the API need, which is watchpost_work'
                   when watchpost.is_in(session_user, 'watchpost_work') then ' has the rights of watchpost_work'
                   else ' reads'
                 end as found`,
    remedy: '',
  },
  {
    name: 'workers',
    sql: `select count(*) > 0 as well, count(*) || ' alive' as found
          from watchpost.worker
          where concurrency > 0 and stopped_at is null and last_seen > clock_timestamp() - interval '30 seconds'`,
    remedy: 'Start one: "npm run worker".',
  },
  {
    name: 'cameras',
    sql: `select count(*) filter (where problem is not null) = 0 as well,
                 count(*) || ' with a source'
                 || coalesce('; ' || string_agg(name || ': ' || problem, '; ' order by name) filter (where problem is not null), '') as found
          from (
            select
              c.name,
              case
                when w.state = 'ended' then null
                when w.camera_id is null or w.leased_until < clock_timestamp() - interval '5 seconds' then 'nobody watches it'
                else w.problem
              end as problem
            from watchpost.camera as c
            left join watchpost.camera_watch as w on w.camera_id = c.id
            where c.source is not null
          ) as c`,
    remedy:
      'Where nobody watches, start a worker that does: "npm run worker -- --watch". Else the sentence says what is in the way.',
  },
  {
    name: 'upkeep',
    sql: `select count(*) = 0 as well, coalesce(string_agg(task || ': ' || last_error, '; '), 'no task fails') as found
          from watchpost.upkeep_task where last_error is not null`,
    remedy: 'Workers try again at each interval; if it stays, the sentence says what is in the way.',
  },
  {
    name: 'letters',
    sql: `select true as well, count(*) || ' dead letters' || coalesce(' (' || string_agg(distinct code, ', ') || ')', '') as found
          from watchpost.dead_letter`,
    remedy: '',
  },
  {
    name: 'paused',
    // Somebody wants it so; what waits meanwhile violates no invariant.
    sql: `select true as well,
                 coalesce(
                   string_agg(
                     task || ' since ' || to_char(paused_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC by ' || paused_by,
                     '; ' order by task
                   ) || ' ("npm run watchpost -- resume TASK" ends it)',
                   'no task'
                 ) as found
          from watchpost.task_pause`,
    remedy: '',
  },
  {
    // describe is off unless somebody switches it on.
    name: 'off',
    sql: `select true as well,
                 coalesce(
                   string_agg(
                     s.task || ' is given no ' || s.topic
                     || coalesce(' since ' || to_char(e.created_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC by ' || e.by, ''),
                     '; ' order by s.task, s.topic
                   ),
                   'no task'
                 ) as found
          from watchpost.subscription as s
          left join lateral (
            select e.created_at, e.payload ->> 'by' as by
            from watchpost.event as e
            where e.subject_id = md5(s.topic || ' ' || s.task)::uuid and e.topic = 'subscription.changed'
            order by e.id desc
            limit 1
          ) as e on true
          where not s.enabled and s.task <> 'describe'`,
    remedy: '',
  },
  {
    name: 'bridges',
    sql: `select count(*) filter (where s.enabled and not s.connected) = 0 as well,
                 case when count(*) = 0 then 'none' else
                   count(*) filter (where s.connected) || ' connected'
                   || coalesce('; ' || string_agg(s.name || ': ' || coalesce(s.error, 'no process is at work'), '; ' order by s.name)
                     filter (where s.enabled and not s.connected), '')
                 end as found
          from watchpost.bridge_status as s`,
    remedy:
      'Start a process with "npm run watchpost -- bridge"; "bridge test NAME" says whether a broker can be connected.',
  },
  {
    name: 'retention',
    sql: `select true as well,
                 'photos ' || watchpost.in_words(i.age) || case i.action when 'keep' then ' (off)' else '' end
                 || ', faces that match nobody ' || watchpost.in_words(f.age) || case f.action when 'keep' then ' (off)' else '' end
                 || ', strangers ' || watchpost.in_words(watchpost.stranger_age())
                 || (select case when count(*) > 0 then '; ' || count(*) || ' rules of single cameras' else '' end
                     from watchpost.retention where camera_id is not null)
                 || (select case when count(*) > 0 then '; ' || count(*) || ' people to be reviewed' else '' end
                     from watchpost.due where relation = 'person' and action = 'review' and due_at <= now())
                 || (select case when count(*) > 0 then '; ' || count(*) || ' people are deleted within 30 days' else '' end
                     from watchpost.due where relation = 'person' and action = 'delete' and due_at <= now() + interval '30 days')
                 as found
          from watchpost.rule_of('image') as i, watchpost.rule_of('face') as f`,
    remedy: '',
  },
  {
    // Not a failure: an installation that tries things out works without.
    name: 'basis',
    sql: `select true as well,
                 case
                   when d.legal_basis = 'unspecified' or d.purpose = 'unspecified' or p.n > 0 or w.n > 0 then
                     p.n || ' people without a legal basis, ' || w.n || ' lists without a purpose'
                     || case when 'unspecified' in (d.legal_basis, d.purpose) then
                       '; set the default: "npm run watchpost -- retention default --legal-basis WORD --purpose WORDS"' else '' end
                   else 'everybody has a legal basis, and every list a purpose'
                 end as found
          from watchpost.processing_default as d,
            (select count(*) as n from watchpost.person where legal_basis = 'unspecified' and merged_into is null) as p,
            (select count(*) as n from watchpost.watchlist where purpose = 'unspecified') as w`,
    remedy: '',
  },
  {
    name: 'describe',
    sql: `select true as well, case when count(*) > 0 then 'on: age and gender are estimated' else 'off' end as found
          from watchpost.subscription where task = 'describe' and enabled`,
    remedy: '',
  },
] as const;
