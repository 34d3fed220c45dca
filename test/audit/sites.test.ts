import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAsKey } from '../../src/database/as-key.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';
import { fillSite, loginWith, type MadeSite } from '../support/sites.ts';

/** Tables whose rows belong to no site: what the installation is, does and was told. */
const ofAllSites = [
  'alarm_rule',
  ...[
    'calibration',
    'calibration_point',
    'migration',
    'model',
    'processing_default',
    'schema_object',
    'seal',
    'seal_head',
  ],
  ...['server_timeline', 'stranger_setting', 'subscription', 'task_pause', 'upkeep_task', 'worker'],
];

type Rows = (text: string) => Promise<Record<string, unknown>[]>;

let owner: TestDatabase;
let south: MadeSite;
let north: MadeSite;
/** What is in the rows of either site only, as text: their ids, and those of everything in them. */
let southern: ReadonlySet<string>;
let northern: ReadonlySet<string>;

const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g;
/** But for keys that are moments, see uuidv7_at(). */
const idsIn = (rows: readonly unknown[]): string[] =>
  (JSON.stringify(rows).match(uuid) ?? []).filter((id) => !id.endsWith('-8000-000000000000'));

const relationsOf = async (kinds: string): Promise<string[]> =>
  (
    await owner.rows(
      `select relname as name from pg_class
       where relnamespace = 'watchpost'::regnamespace and relkind = any ($1) order by relname`,
      [kinds.split('')],
    )
  ).map(({ name }) => name);

/** The rows of each table and view that somebody may read, with the columns that they may read. */
const readAll = async (rows: Rows): Promise<Map<string, Record<string, unknown>[]>> => {
  const read = new Map();
  for (const name of await relationsOf('rpv')) {
    const [columns] = await rows(
      `select string_agg(quote_ident(a.attname), ', ' order by a.attnum) as names
       from pg_attribute as a
       where a.attrelid = 'watchpost.${name}'::regclass and a.attnum > 0 and not a.attisdropped
         and has_column_privilege(a.attrelid, a.attname, 'select')`,
    );
    if (columns?.names) read.set(name, await rows(`select ${columns.names} from watchpost.${name}`));
  }
  return read;
};

const allIds = async (): Promise<Set<string>> =>
  new Set([...(await readAll(owner.rows)).values()].flatMap((rows) => idsIn(rows)));

const without = (all: ReadonlySet<string>, known: ReadonlySet<string>) =>
  new Set([...all].filter((id) => !known.has(id)));

beforeAll(async () => {
  owner = await freshDatabase();
  const before = await allIds();
  south = await fillSite(owner, 'default', 0);
  await owner.rows(`update watchpost.site set name = 'south' where name = 'default'`);
  const withSouth = await allIds();
  southern = without(withSouth, before);
  north = await fillSite(owner, 'north', 2);
  northern = without(await allIds(), withSouth);
});

/** What nobody sees a row of who does not see all sites. */
const hidden = [
  'erasure',
  'erasure_leaf',
  'erasure_face',
  'claim',
  'seal_leaves',
  'site_member',
  'api_key',
  'invariant',
  'partition',
];

/** Expects that somebody sees everything of the one site, and nothing of the other. */
const expectOnly = async (rows: Rows, own: ReadonlySet<string>, other: ReadonlySet<string>, word: string) => {
  const read = await readAll(rows);
  const everything = await readAll(owner.rows);
  for (const [name, seen] of read) {
    const text = JSON.stringify(seen);
    const others = seen.filter((row) => idsIn([row]).some((id) => other.has(id)));
    expect(others, name).toEqual([]);
    expect(text.includes(`of ${word}`), name).toBe(false);
    // Every row that names ids of this site and of no other, but for the events of sites and settings.
    const ownRows = (everything.get(name) ?? []).filter((row) => {
      const ids = idsIn([row]);
      if (
        ['site.changed', 'strangers.changed', 'key.changed', 'retention.changed', 'access.recorded'].includes(
          String(row.topic),
        )
      )
        return false;
      return ids.some((id) => own.has(id)) && !ids.some((id) => other.has(id));
    });
    if (!hidden.includes(name)) expect(seen.length, `rows of ${name}`).toBeGreaterThanOrEqual(ownRows.length);
  }
  return read;
};

/**
 * Functions with their owner's rights, for whom row-level security does not exist, and why each shows nothing of another
 * site. Triggers run for what somebody has written, which their policies have let pass; those that answer are tested here.
 */
const definers: Record<string, readonly string[]> = {
  'answers whether something is within a scope, or what the scope of whoever asks is': [
    ...['sites_of', 'my_sites', 'my_cameras', 'my_watchlists', 'my_scope', 'is_limited', 'owns_person'],
    ...[
      'shows_camera',
      'shows_watchlist',
      'shows_person',
      'shows_image',
      'shows_face',
      'shows_match',
      'shows_alert',
    ],
    ...['shows_endpoint', 'shows_event', 'shows_event_of', 'shows_access'],
  ],
  'asks for the scope of whoever calls it before it reads or writes': [
    ...['find_camera', 'receive_image', 'count_backlog', 'merge_persons', 'unmerge_persons'],
    ...[
      'acknowledge',
      'confirm',
      'dismiss',
      'reopen',
      'undo',
      'acknowledge_stranger_alert',
      'review_stranger_alert',
    ],
    ...['set_retention', 'drop_camera_rule', 'set_processing_default'],
  ],
  'manages keys no wider than that of the caller, who is known by the setting watchpost.key': [
    ...['key_bounds', 'may_manage_key', 'find_key', 'create_key', 'change_key', 'rotate_key'],
    ...['revoke_key'],
  ],
  'counts calls and streams of a key': ['note_key_use', 'take_calls', 'open_stream', 'close_streams'],
  'answers only who sees all sites': ['find_violations', 'find_stuck_work', 'missing_work', 'read_pipeline'],
  'is granted to workers and the owner only': [
    ...[
      'list_jobs',
      'list_job_items',
      'upkeep',
      'put_back_events',
      'note_server',
      'register_model',
      'index_people',
    ],
    ...[
      'index_many_people',
      'add_partition',
      'make_partitions',
      'retire_partition',
      'retain',
      'forget_leaves',
    ],
    ...[
      'append_seal',
      'seal_rows',
      'continue_record',
      'renumber_rows',
      'admit_key',
      'is_administered',
      'authenticate',
      'open_session',
      'open_session_of',
      'authenticate_session',
      'close_session',
      'people_concerned',
      'purge',
      'begin_purge',
      'finish_purge',
      'note_expired_keys',
      'record_refused_keys',
      'forget_answers',
    ],
  ],
  'compares vectors for whoever asks with what visible_list() and visible_image() let them see': [
    ...[
      'search_people',
      'search_past_faces',
      'search_strangers',
      'compare_with_photo',
      'search_face',
      'similar_faces',
    ],
    ...['current_embedding', 'named_lists', 'visible_lists', 'visible_list', 'visible_image'],
  ],
  'erases what the API has found for its caller, and answers counts and hashes': [
    ...['begin_erasure', 'erase_some', 'finish_erasure'],
  ],
  'deals with keys that are wrapped, and answers none of them to a reader': [
    ...['assert_data_key', 'provide_data_key', 'find_data_key', 'encrypt_image'],
  ],
  'answers ids of photos that whoever asks may see': ['images_not_done'],
  'writes what an event says about a person': ['emit_personal'],
  'writes which endpoints follow an alert, and answers nothing': ['emit_state_due', 'want_home'],
  'writes an event about a message of a broker, and answers nothing': ['refuse_message'],
  'seals events, of which it answers nothing': ['seal_event', 'announce_head'],
  'keeps the answers of whoever calls, under their name': ['begin_once', 'end_once'],
  'writes who looked, and answers nothing but the id of that row': ['record_access'],
  'answers the number of a transaction': ['xid_beyond'],
  'says what is set for all sites': ['default_legal_basis', 'default_purpose'],
  'says of the record of all sites whether it is sealed, waited for or retired, which no row follows from': [
    ...['is_sealed', 'is_awaited', 'history_begins'],
  ],
};

describe('every function with its owner’s rights', () => {
  it('is a trigger, or listed here with the reason why it is safe', async () => {
    const found = await owner.rows(
      `select distinct proname as name from pg_proc
       where pronamespace = 'watchpost'::regnamespace and prosecdef and prorettype <> 'trigger'::regtype order by 1`,
    );
    expect(found.map(({ name }) => name)).toEqual(Object.values(definers).flat().toSorted());
  });

  it('has a search_path of its own', async () => {
    expect(
      await owner.rows(
        `select proname from pg_proc where pronamespace = 'watchpost'::regnamespace and prosecdef
         and not coalesce(array_to_string(proconfig, ' ') ~ 'search_path=pg_catalog,( public,)? pg_temp', false)`,
      ),
    ).toEqual([]);
  });

  it('is granted to nobody but workers and the owner where that is its reason', async () => {
    const granted = await owner.rows(
      `select p.proname, r.rolname from pg_proc as p cross join pg_roles as r
       where p.pronamespace = 'watchpost'::regnamespace and p.proname = any ($1)
         and r.rolname in ('watchpost_api', 'watchpost_reader', 'watchpost_reviewer', 'watchpost_submitter')
         and has_function_privilege(r.oid, p.oid, 'execute')`,
      [definers['is granted to workers and the owner only']],
    );
    expect(granted).toEqual([]);
  });
});

describe('every table', () => {
  it('has row-level security, or belongs to no site', async () => {
    const open = await owner.rows(
      `select relname as name from pg_class
       where relnamespace = 'watchpost'::regnamespace and relkind in ('r', 'p') and not relrowsecurity order by 1`,
    );
    expect(open.map(({ name }) => name)).toEqual(ofAllSites.toSorted());
  });

  it('has policies that name no role, which a dump could not restore elsewhere', async () => {
    expect(
      await owner.rows(
        `select tablename, policyname from pg_policies where schemaname = 'watchpost' and roles <> '{public}'`,
      ),
    ).toEqual([]);
  });

  it('every view asks with the rights of whoever asks it', async () => {
    const views = await owner.rows(
      `select relname as name from pg_class
       where relnamespace = 'watchpost'::regnamespace and relkind = 'v'
         and not coalesce(reloptions @> '{security_invoker=true}', false)`,
    );
    expect(views).toEqual([]);
  });
});

/** Asks as the API key of the site north. */
let keyed: Rows;

describe('an API key of one site', () => {
  let asNorth: ReturnType<typeof openAsKey>;
  beforeAll(async () => {
    const [key] = await owner.rows(
      `insert into watchpost.api_key (name, sha256, scopes, sites) values ('guards', 'x', '{read}', array[$1::uuid]) returning id`,
      [north.siteId],
    );
    asNorth = openAsKey(owner, { id: key.id, actor: 'api:guards' });
    keyed = async (text) => (await sql.raw<Record<string, unknown>>(text).execute(asNorth)).rows;
  });

  it('sees its site and nothing of another, in every table and view', async () => {
    const read = await expectOnly(keyed, northern, southern, 'default');
    for (const name of [
      'camera',
      'image',
      'face',
      'search',
      'match',
      'alert',
      'alert_review',
      'person',
      'reference',
    ]) {
      expect(read.get(name)?.length, name).toBe(
        (await owner.rows(`select from watchpost.${name}`)).length / 2,
      );
    }
  });

  it.each([
    [
      'another site’s person on its list',
      () =>
        `insert into watchpost.watchlist_entry (watchlist_id, person_id) values ('${north.watchlistId}', '${south.personId}')`,
    ],
    [
      'a photo to a camera of another site',
      () => `insert into watchpost.image (bytes, camera_id) values ('x', '${south.cameraId}')`,
    ],
    [
      'a photo at another site',
      () => `insert into watchpost.image (bytes, site_id) values ('x', '${south.siteId}') returning site_id`,
    ],
    [
      'a photo of another site to its person',
      () =>
        `insert into watchpost.person_photo (person_id, image_id) values ('${north.personId}', '${south.imageId}')`,
    ],
    [
      'a camera at another site',
      () => `insert into watchpost.camera (name, location, site_id) values ('x', 'x', '${south.siteId}')`,
    ],
    [
      'a list at another site',
      () => `insert into watchpost.watchlist (name, site_id) values ('x', '${south.siteId}')`,
    ],
    [
      'its person to another site',
      () => `update watchpost.person set site_id = '${south.siteId}' where id = '${north.personId}'`,
    ],
    [
      'its endpoint to all sites',
      () => `update watchpost.endpoint set site_id = null where id = '${north.endpointId}'`,
    ],
    [
      'another site’s list to its endpoint',
      () => `insert into watchpost.endpoint_watchlist values ('${north.endpointId}', '${south.watchlistId}')`,
    ],
    ['a site', () => `insert into watchpost.site (name) values ('mine')`],
    ['a member', () => `insert into watchpost.site_member values ('x', '${north.siteId}')`],
  ] as [string, () => string][])('may not add %s', async (_, statement) => {
    const rows = await keyed(statement()).catch((error) => error);
    if (Array.isArray(rows)) expect(rows).toEqual([{ site_id: north.siteId }]);
    else expect(rows).toMatchObject({ code: expect.stringMatching(/^(42501|23503)$/) });
  });

  it.each([
    ['find_camera', () => south.cameraId, 'WP002'],
    ['find_site', () => south.siteId, 'WP024'],
    ['find_endpoint', () => south.endpointId, 'WP053'],
    ['acknowledge', () => south.alertId, 'WP050'],
    ['confirm', () => south.alertId, 'WP050'],
    ['reopen', () => south.alertId, 'WP050'],
    ['undo', () => south.alertId, 'WP050'],
    ['unmerge_persons', () => south.personId, 'WP004'],
    ['assert_person', () => south.personId, 'WP004'],
  ] as const)(
    '%s() says of another site’s id what it says of one that does not exist',
    async (name, id, code) => {
      const saying = (given: string) =>
        keyed(`select watchpost.${name}('${given}')`).then(
          () => 'nothing',
          (error) => ({
            code: error.code,
            message: error.message.replace(given, 'ID'),
            hint: error.hint?.replace(given, 'ID'),
          }),
        );
      const unknown = await saying('01a20000-0000-7000-8000-000000000000');
      expect(await saying(id())).toEqual(unknown);
      expect(unknown).toMatchObject({ code });
    },
  );

  it('reads no vector', async () => {
    for (const name of ['embedding', 'reference', 'person_vector', 'stranger_face', 'stranger_candidate']) {
      await expect(keyed(`select vector from watchpost.${name}`), name).rejects.toMatchObject({
        code: '42501',
      });
    }
  });

  it('is narrowed down to cameras and lists', async () => {
    await owner.rows(`insert into watchpost.camera (name, location, site_id) values ('second', 'x', $1)`, [
      north.siteId,
    ]);
    await owner.rows(`insert into watchpost.watchlist (name, site_id) values ('second', $1)`, [north.siteId]);
    const counts = () =>
      keyed(`select (select count(*)::int from watchpost.camera) as cameras, (select count(*)::int from watchpost.watchlist) as lists,
        (select count(*)::int from watchpost.person) as people, (select count(*)::int from watchpost.alert) as alerts`);
    const [all] = await counts();
    expect(all).toMatchObject({ cameras: 2, lists: 2 });
    const bind = (column: string, id: string | null) =>
      owner.rows(
        `update watchpost.api_key set ${column} = case when $1::uuid is not null then array[$1::uuid] end where name = 'guards'`,
        [id],
      );
    await bind('cameras', north.cameraId);
    expect(await counts()).toEqual([{ ...all, cameras: 1 }]);
    const [second] = await owner.rows(`select id from watchpost.camera where name = 'second'`);
    await bind('cameras', second.id);
    expect(await counts()).toEqual([{ ...all, cameras: 1, alerts: 0 }]);
    await bind('cameras', null);
    const [list] = await owner.rows(`select id from watchpost.watchlist where name = 'second'`);
    await bind('watchlists', list.id);
    expect(await counts()).toEqual([{ cameras: 2, lists: 1, people: 0, alerts: 0 }]);
    await bind('watchlists', null);
  });
});

describe('matching and notifying', () => {
  it('compares a face with the lists of its site only', async () => {
    const [probe] = await owner.rows(
      `select e.id, f.image_id from watchpost.embedding as e join watchpost.face as f on f.id = e.face_id
       join watchpost.image as i on i.id = f.image_id where i.camera_id = $1 limit 1`,
      [north.cameraId],
    );
    const [found] = await owner.rows(
      'select watchlists, candidates from watchpost.find_nearest(array[$1::uuid], null, 5)',
      [probe.id],
    );
    expect(found.watchlists).toContain(north.watchlistId);
    expect(found.watchlists).not.toContain(south.watchlistId);
    expect(idsIn(found.candidates).filter((id) => southern.has(id))).toEqual([]);
    expect(found.candidates.length).toBeGreaterThan(0);
  });
});

describe.skipIf(!onServer)(`a database user ${needsServer}`, () => {
  const users: Awaited<ReturnType<typeof loginWith>>[] = [];
  const login = async (role: string, ...sites: MadeSite[]) => {
    const made = await loginWith(owner, role);
    users.push(made);
    for (const { siteId } of sites) {
      await owner.rows('insert into watchpost.site_member (role, site_id) values ($1, $2)', [
        made.user,
        siteId,
      ]);
    }
    return made;
  };
  afterAll(async () => {
    for (const user of users) await user.leave();
  });

  it('sees the first site, unless they are a member of others', async () => {
    const nobody = await login('watchpost_reader');
    await expectOnly(nobody.rows, southern, northern, 'north');
    const guard = await login('watchpost_reviewer', north);
    await expectOnly(guard.rows, northern, southern, 'default');
    const both = await login('watchpost_reader', north, south);
    expect(await both.rows('select name from watchpost.site order by name')).toEqual([
      { name: 'north' },
      { name: 'south' },
    ]);
    expect(await both.rows('select * from watchpost.verify_audit()')).toEqual([]);
    expect(
      (await both.rows('select * from watchpost.verify_tables()')).filter(({ relation }) =>
        ['api_key', 'data_key'].includes(relation),
      ),
    ).toEqual([]);
  });

  it('sees what a role that they are in may see', async () => {
    const guard = await login('watchpost_reader');
    await owner.rows(`create role ${guard.user}_group`);
    await owner.rows(`grant ${guard.user}_group to ${guard.user}`);
    await owner.rows('insert into watchpost.site_member (role, site_id) values ($1, $2)', [
      `${guard.user}_group`,
      north.siteId,
    ]);
    expect(await guard.rows('select name from watchpost.site')).toEqual([{ name: 'north' }]);
    await owner.rows(`drop role ${guard.user}_group`);
  });

  it('sees no more by setting a role, a key or a name', async () => {
    const guard = await login('watchpost_reviewer', north);
    const [key] = await owner.rows(
      `insert into watchpost.api_key (name, sha256, scopes) values ('all', 'all', '{administer}') returning id`,
    );
    for (const setting of [
      'set role watchpost_reviewer',
      `set watchpost.key = '${key.id}'`,
      `set watchpost.actor = 'postgres'`,
      'set row_security = off',
    ]) {
      const client = await guard.pool.connect();
      await client.query(setting);
      const { rows } = await client
        .query('select id from watchpost.camera')
        .catch((error) => ({ rows: [{ id: error.code }] }));
      client.release(true);
      expect(
        rows.map(({ id }) => id).filter((id) => southern.has(id)),
        setting,
      ).toEqual([]);
    }
    await expect(guard.rows('set role watchpost_api')).rejects.toMatchObject({ code: '42501' });
  });

  it('reviews no alert of another site', async () => {
    const guard = await login('watchpost_reviewer', north);
    await expect(guard.rows('select watchpost.confirm($1)', [south.alertId])).rejects.toMatchObject({
      code: 'WP050',
    });
    await expect(
      guard.rows(`select watchpost.dismiss($1, 'not_them')`, [south.alertId]),
    ).rejects.toMatchObject({ code: 'WP050' });
    await expect(guard.rows('select * from watchpost.verify_audit()')).rejects.toMatchObject({
      code: '42501',
    });
  });

  it('submits to the cameras of their sites, and without a camera to their site', async () => {
    const submitter = await login('watchpost_submitter', north);
    const [{ id }] = (await submitter.rows(`select watchpost.submit_image('x', $1) as id`, [
      'gate of north',
    ])) as [{ id: string }];
    await submitter.rows(`insert into watchpost.image (bytes) values ('y')`);
    await submitter.rows(
      `insert into watchpost.image (bytes, camera_id) values ('z', watchpost.find_camera('gate of north'))`,
    );
    expect(
      await owner.rows('select distinct site_id from watchpost.image where submitted_by = $1', [
        submitter.user,
      ]),
    ).toEqual([{ site_id: north.siteId }]);
    expect(id).toMatch(uuid);
    for (const [text, code] of [
      [`select watchpost.submit_image('x', 'gate of default')`, 'WP002'],
      [`insert into watchpost.image (bytes, camera_id) values ('x', '${south.cameraId}')`, '23503'],
    ] as const) {
      const error = await submitter.rows(text).catch((thrown) => thrown);
      expect(error).toMatchObject({ code });
      expect(error.hint ?? '').not.toMatch(/of default/);
    }
  });
});

// Last, because of the events of what is deleted only those see more who see all, and a list's name whoever was on it.
describe('people of a site', () => {
  it('are merged, enrolled, corrected and reviewed by its key', async () => {
    const [added] = await keyed(
      `insert into watchpost.person (name) values ('one more') returning id, site_id`,
    );
    expect(added).toMatchObject({ site_id: north.siteId });
    await keyed(`select watchpost.add_person_photo('${added?.id}', 'x')`);
    await keyed(`select watchpost.merge_persons('${north.personId}', '${added?.id}')`);
    await keyed(`select watchpost.unmerge_persons('${added?.id}')`);
    const [photo] = await keyed(
      `select id from watchpost.person_photo where person_id = '${north.personId}' limit 1`,
    );
    await keyed(`select watchpost.remove_photo('${photo?.id}', 'blurred')`);
    await keyed(`select watchpost.forget_person('${added?.id}')`);
    await keyed(`select watchpost.confirm('${north.alertId}')`);
    const events = await keyed(
      `select distinct payload ->> 'by' as by from watchpost.event where payload ->> 'by' like 'api:%'`,
    );
    expect(events).toEqual([{ by: 'api:guards' }]);
  });

  it('on a list of another are seen there, with what enrols them, and changed by their own only', async () => {
    const shown = () => keyed(`select name from watchpost.person where id = '${south.personId}'`);
    expect(await shown()).toEqual([]);
    await owner.rows('insert into watchpost.watchlist_entry (watchlist_id, person_id) values ($1, $2)', [
      north.watchlistId,
      south.personId,
    ]);
    expect(await shown()).toEqual([{ name: 'person 0 of default' }]);
    expect(
      await keyed(
        `select f.id from watchpost.best_photo as b join watchpost.face as f on f.id = b.face_id where b.person_id = '${south.personId}'`,
      ),
    ).toHaveLength(1);
    await expect(
      keyed(`select watchpost.merge_persons('${north.personId}', '${south.personId}')`),
    ).rejects.toMatchObject({ code: '42501' });
    await keyed(`delete from watchpost.person where id = '${south.personId}'`);
    await keyed(`update watchpost.person set name = 'x' where id = '${south.personId}'`);
    expect(await shown()).toEqual([{ name: 'person 0 of default' }]);
    await owner.rows('delete from watchpost.watchlist_entry where watchlist_id = $1 and person_id = $2', [
      north.watchlistId,
      south.personId,
    ]);
    expect(await shown()).toEqual([]);
  });
});
