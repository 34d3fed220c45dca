import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrate } from '../../src/database/migrate.ts';
import { openDatabase } from '../../src/database/pool.ts';
import { openLog } from '../../src/log.ts';
import { raiseAlert } from '../support/alerts.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { enrolAda, openApi, realVision, runWorker, submit, untilFinal } from '../support/pipeline.ts';
import { sealAll } from '../support/record.ts';

const denied = { code: '42501' };

describe.skipIf(!onServer)(`roles ${needsServer}`, () => {
  let owner: TestDatabase;

  /** The same database, for a new user with this role only, until `leave`. */
  const loginWith = async (role: string): Promise<TestDatabase & { leave(): Promise<void> }> => {
    const user = `${role}_${randomBytes(4).toString('hex')}`;
    await owner.rows(`create role ${user} login password 'secret' in role ${role}`);
    const url = new URL(owner.url);
    url.username = user;
    url.password = 'secret';
    const database = openDatabase(url.toString(), { log: openLog('silent') });
    return {
      ...database,
      kind: owner.kind,
      rows: async (text, values = []) => (await database.pool.query(text, values)).rows,
      async leave() {
        await database.close();
        // Users belong to the server and would outlive this database.
        await owner.rows(`drop role ${user}`);
      },
    };
  };

  beforeAll(async () => {
    owner = await freshDatabase();
    await owner.rows(`insert into watchpost.camera (name, location) values ('gate', 'North gate')`);
  });

  describe('watchpost_work', () => {
    let app: Awaited<ReturnType<typeof loginWith>>;
    beforeAll(async () => {
      app = await loginWith('watchpost_work');
    });
    afterAll(() => app.leave());

    it('runs the whole pipeline, from migration to alert, by POST and by INSERT, and seals it', async () => {
      expect(await migrate(app.pool, openLog('silent'))).toEqual([]);
      const vision = await realVision();
      const worker = await runWorker(app, vision);
      const api = await openApi(app, vision, worker);
      await enrolAda(app);
      const inserted = await submit(app, sample(1), 'gate');
      const form = new FormData();
      form.append('image', new Blob([sample(2)]), 'sample2.jpg');
      const response = await api('/v1/images', { method: 'POST', body: form });
      expect(response.status).toBe(202);
      const { id: posted } = (await response.json()) as { id: string };
      expect(await untilFinal(app, inserted)).toMatchObject({ state: 'done', faces: 3, alerts: 1 });
      expect(await untilFinal(app, posted)).toMatchObject({ state: 'done', faces: 3 });
      await app.rows(`select watchpost.pause('x'), watchpost.resume('x'), watchpost.rescue()`);
      await worker.stop();

      await owner.rows('update watchpost.upkeep_task set last_run = null');
      const tasks = [];
      for (;;) {
        const [done] = await app.rows('select * from watchpost.upkeep()');
        if (!done.task) break;
        expect(done.error).toBeNull();
        tasks.push(done.task);
      }
      await sealAll(owner);
      expect(await app.rows('select * from watchpost.verify_audit()')).toEqual([]);
    });

    it('writes how a camera is mounted, as worker', async () => {
      const [event] = await app.rows(
        `select gen_random_uuid() as id, watchpost.find_camera('gate') as camera`,
      );
      await app.rows('select watchpost.write_rotations(array[$1]::uuid[], $2)', [
        event.id,
        JSON.stringify([{ event_id: event.id, camera_id: event.camera, rotation: 0 }]),
      ]);
      const [changed] = await app.rows(
        `select payload from watchpost.event where topic = 'camera.changed' order by id desc limit 1`,
      );
      expect(changed.payload).toMatchObject({ by: 'worker', old: { rotation: null }, new: { rotation: 0 } });
    });

    it.each([
      `update watchpost.event set topic = 'x'`,
      'delete from watchpost.event',
      'truncate watchpost.event',
      'delete from watchpost.handling',
      'truncate watchpost.image cascade',
      'update watchpost.image set rotation = 90',
      `insert into watchpost.event (topic, subject_id, xid) values ('x', gen_random_uuid(), '1')`,
      `insert into watchpost.event (topic, subject_id, id) values ('x', gen_random_uuid(), gen_random_uuid())`,
      `insert into watchpost.event (topic, subject_id, created_at) values ('x', gen_random_uuid(), now() - interval '1 day')`,
      `insert into watchpost.handling (id, event_id, task, outcome, attempt, started_at, duration_ms) values (gen_random_uuid(), gen_random_uuid(), 'x', 'done', 1, now(), 0)`,
      'delete from watchpost.seal',
      'delete from watchpost.seal_leaves',
      `update watchpost.seal_head set number = 0`,
      `insert into watchpost.alert_review (alert_id, decision, reviewer) select id, 'confirmed', 'x' from watchpost.alert`,
      `update watchpost.alert_review set reviewer = 'x'`,
      `update watchpost.retention set action = 'drop'`,
      `update watchpost.camera_place set location = 'elsewhere'`,
      'select watchpost.retain()',
      'select * from watchpost_history.event_rest',
      'alter table watchpost.event disable trigger all',
      `create table watchpost.mine ()`,
      'update watchpost.image set bytes = null',
      `insert into watchpost.api_key (name, sha256, scopes) values ('mine', sha256('x'), '{administer}')`,
      `update watchpost.api_key set scopes = '{administer}'`,
      'delete from watchpost.key_calls',
      `update watchpost.image set format = 'png', bytes = 'x'`,
      `insert into watchpost.image (bytes) values ('x') on conflict (id) do update set bytes = null`,
    ])('may not: %s', async (statement) => {
      await expect(app.rows(statement)).rejects.toMatchObject(denied);
    });
  });

  it('record who acted, whatever an application writes', async () => {
    const app = await loginWith('watchpost_work');
    const client = await app.pool.connect();
    await client.query('begin');
    await client.query(
      `insert into watchpost.event (topic, subject_id, payload) values ('x', gen_random_uuid(), '{"by": "somebody else"}')`,
    );
    const { rows } = await client.query(
      `select payload ->> 'by' as by from watchpost.event where topic = 'x'`,
    );
    await client.query('rollback');
    client.release();
    expect(rows).toEqual([{ by: new URL(app.url).username }]);
    await app.leave();
  });

  describe('watchpost_submitter', () => {
    let submitter: Awaited<ReturnType<typeof loginWith>>;
    beforeAll(async () => {
      submitter = await loginWith('watchpost_submitter');
    });
    afterAll(() => submitter.leave());

    it('submits in its own name, by function and by INSERT', async () => {
      const [{ id }] = (await submitter.rows(
        `select watchpost.submit_image($1, 'gate', now(), 'frame-1') as id`,
        [sample(3)],
      )) as [{ id: string }];
      const again = await submitter.rows(
        `select watchpost.submit_image($1, 'gate', now(), 'frame-1') as id`,
        [sample(3)],
      );
      expect(again).toEqual([{ id }]);
      await submitter.rows(
        `insert into watchpost.image (camera_id, bytes) values (watchpost.find_camera('gate'), $1)`,
        [sample(4)],
      );
      const user = new URL(submitter.url).username;
      const rows = await owner.rows(
        `select count(*)::int as images, count(distinct e.id)::int as events
         from watchpost.image as i join watchpost.event as e on e.image_id = i.id
         where i.submitted_by = $1 and e.topic = 'image.received'`,
        [user],
      );
      expect(rows).toEqual([{ images: 2, events: 2 }]);
    });

    it.each([
      `select watchpost.submit_image('x', submitted_by => 'api:somebody')`,
      `insert into watchpost.image (bytes, submitted_by) values ('x', 'somebody')`,
      'select id from watchpost.image',
      'select * from watchpost.camera',
      'select * from watchpost.last_seen',
      'select * from watchpost.backlog',
      'select watchpost.subscribers($$x$$)',
      'select watchpost.upkeep()',
      `insert into watchpost.event (topic, subject_id) values ('x', gen_random_uuid())`,
      'select * from graphile_worker.jobs',
      'select bytes from watchpost.image',
      `insert into watchpost.image (bytes) values ('x') returning bytes`,
      'update watchpost.image set camera_id = null',
      'update watchpost.image set bytes = null',
      `insert into watchpost.image (bytes) values ('x') on conflict (id) do update set bytes = null`,
      'delete from watchpost.image',
    ])('may not: %s', async (statement) => {
      await expect(submitter.rows(statement)).rejects.toMatchObject(denied);
    });
  });

  describe.each(['watchpost_reader', 'watchpost_reviewer'])('%s', (role) => {
    const unreadable = [
      ...['idempotency', 'erasure', 'erasure_leaf', 'endpoint_credential', 'link_key'],
      ...[
        'api_key',
        'data_key',
        'key_status',
        'session',
        'endpoint_secret',
        'camera_secret',
        'bridge_secret',
        'image',
        'face',
      ],
      ...['embedding', 'reference', 'person_vector', 'stranger_face', 'track', 'stranger_candidate'],
    ];
    let reader: Awaited<ReturnType<typeof loginWith>>;
    beforeAll(async () => {
      reader = await loginWith(role);
    });
    afterAll(() => reader.leave());

    it('reads every view and table but the photos, the crops, the vectors, the keys and the secrets', async () => {
      const relations = await owner.rows(
        `select relname as name from pg_class
         where relnamespace = 'watchpost'::regnamespace and relkind in ('r', 'p', 'v') order by 1`,
      );
      for (const { name } of relations) {
        const reading = reader.rows(`select * from watchpost.${name} limit 1`);
        if (unreadable.includes(name)) await expect(reading).rejects.toMatchObject(denied);
        else await expect(reading, name).resolves.toBeInstanceOf(Array);
      }
    });

    it('reads every column of image but the photo, also those of later migrations', async () => {
      await owner.rows('alter table watchpost.image add column "of a later one" text');
      await owner.rows(
        `update watchpost.migration set sha256 = 'older' where name = 'sql/7-rights/roles.sql'`,
      );
      expect(await migrate(owner.pool, openLog('silent'))).toEqual(['sql/7-rights/roles.sql']);
      const columns = await owner.rows(
        `select quote_ident(column_name) as name from information_schema.columns
         where table_schema = 'watchpost' and table_name = 'image'`,
      );
      const names = columns.map((column) => column.name).filter((name) => name !== 'bytes');
      expect(names).toHaveLength(columns.length - 1);
      await reader.rows(`select ${names} from watchpost.image`);
      await reader.rows('select count(*) from watchpost.image');
      await owner.rows('alter table watchpost.image drop column "of a later one"');
    });

    it.each([
      'select bytes from watchpost.image',
      'select octet_length(bytes) from watchpost.image',
      'select id from watchpost.image where bytes is null',
      'select i from watchpost.image as i',
      'copy watchpost.image to stdout',
      'select crop from watchpost.face',
      'select length(crop) from watchpost.face',
      'select vector from watchpost.embedding',
      'select vector from watchpost.reference',
      'select vector_norm(vector::vector) from watchpost.person_vector',
      'select vector from watchpost.stranger_face',
      'select vector from watchpost.track',
      'select vector from watchpost.stranger_candidate',
    ])('sees nothing of a photo, a crop or a vector: %s', async (statement) => {
      await expect(reader.rows(statement)).rejects.toMatchObject(denied);
    });
  });

  describe('watchpost_reader', () => {
    let reader: Awaited<ReturnType<typeof loginWith>>;
    beforeAll(async () => {
      reader = await loginWith('watchpost_reader');
    });
    afterAll(() => reader.leave());

    it('calls the functions that only read', async () => {
      await reader.rows('select * from watchpost.timeline(gen_random_uuid())');
      await reader.rows('select * from watchpost.lineage(gen_random_uuid())');
      expect(await reader.rows('select * from watchpost.verify_audit()')).toEqual([]);
    });

    it('searches by a stored face, which is on record, and not by a vector', async () => {
      const [face] = await owner.rows('select id from watchpost.face order by id limit 1');
      const people = await reader.rows('select * from watchpost.search_face($1)', [face.id]);
      expect(people).toContainEqual(expect.objectContaining({ person: 'Ada' }));
      await reader.rows('select * from watchpost.similar_faces($1)', [face.id]);
      const records = await owner.rows(
        'select action, actor, subject_id from watchpost.access order by id desc limit 2',
      );
      const record = {
        action: 'search',
        actor: expect.stringMatching(/^watchpost_reader_/),
        subject_id: face.id,
      };
      expect(records).toEqual([record, record]);
    });

    it.each([
      `select * from watchpost.search_people('model', 1, '{1}')`,
      `select * from watchpost.search_past_faces('model', 1, '{1}', 0.5)`,
      `insert into watchpost.image (bytes) values ('x')`,
      `select watchpost.submit_image('x')`,
      'select watchpost.upkeep()',
      'delete from watchpost.alert',
      'select watchpost.confirm(gen_random_uuid())',
      'select watchpost.valid_secrets(gen_random_uuid())',
      'select * from watchpost.delivery_due(gen_random_uuid())',
      'select watchpost.rotate_secret(gen_random_uuid())',
      `select * from watchpost.authenticate(sha256('x'))`,
      `select watchpost.create_key('mine', '{administer}')`,
      'select watchpost.revoke_key(gen_random_uuid())',
      `update watchpost.camera set location = 'elsewhere'`,
      'select watchpost.remove_camera(gen_random_uuid())',
      'select watchpost.delete_images(now())',
      'select watchpost.clear_watchlist(gen_random_uuid())',
    ])('may not: %s', async (statement) => {
      await expect(reader.rows(statement)).rejects.toMatchObject(denied);
    });
  });

  describe('watchpost_reviewer', () => {
    let [ann, ben]: Awaited<ReturnType<typeof loginWith>>[] = [];
    beforeAll(async () => {
      ann = await loginWith('watchpost_reviewer');
      ben = await loginWith('watchpost_reviewer');
    });
    afterAll(async () => {
      await ann?.leave();
      await ben?.leave();
    });

    it('acts on alerts under its own name, whatever name it sets', async () => {
      const { alertId } = await raiseAlert(owner, { reviewers: 2 });
      const nameOf = (user: { url: string } | undefined) => new URL(user?.url ?? '').username;
      const open = await ann!.rows(`select id from watchpost.alert_detail where state = 'open'`);
      expect(open).toContainEqual({ id: alertId });
      await ann!.rows('select watchpost.confirm($1)', [alertId]);
      // One connection, so that the setting holds for the statement after it.
      const client = await ann!.pool.connect();
      await client.query(`set watchpost.actor = 'api:somebody else'`);
      await expect(client.query('select watchpost.confirm($1)', [alertId])).rejects.toMatchObject({
        code: 'WP052',
      });
      client.release(true);
      const [confirmed] = await ben!.rows('select * from watchpost.confirm($1)', [alertId]);
      expect(confirmed).toMatchObject({
        state: 'confirmed',
        confirmed_by: nameOf(ann),
        second_confirmed_by: nameOf(ben),
      });
      await ann!.rows('select watchpost.undo($1)', [alertId]);
      const [undone] = await ben!.rows(
        'select reviewer, decision from watchpost.alert_review where alert_id = $1 order by id desc limit 1',
        [alertId],
      );
      expect(undone).toEqual({ reviewer: nameOf(ann), decision: 'undone' });
    });

    it.each([
      `update watchpost.alert set state = 'open'`,
      `insert into watchpost.alert_review (alert_id, decision, reviewer) select id, 'confirmed', 'x' from watchpost.alert`,
      'delete from watchpost.alert_review',
      'select watchpost.link_not(null)',
      'select watchpost.restore_matches(gen_random_uuid())',
      'select * from watchpost.endpoint_secret',
      'select * from watchpost.camera_secret',
      'select * from watchpost.bridge_secret',
      `insert into watchpost.image (bytes) values ('x')`,
    ])('may not: %s', async (statement) => {
      await expect(ann!.rows(statement)).rejects.toMatchObject(denied);
    });
  });

  it('are made once when many processes migrate several databases of one server', async () => {
    const databases = await Promise.all([1, 2, 3].map(() => freshDatabase({ empty: true })));
    const log = openLog('silent');
    const applied = await Promise.all(
      databases.flatMap((database) => Array.from({ length: 4 }, () => migrate(database.pool, log))),
    );
    expect(applied.filter((files) => files.length > 0)).toHaveLength(3);
  });

  it('are skipped, with a notice, if the migrating user may not create them', async () => {
    const name = `norole_${randomBytes(4).toString('hex')}`;
    const [{ roles }] = (await owner.rows(
      `select count(*)::int as roles from pg_roles where rolname = 'watchpost_work'`,
    )) as [{ roles: number }];
    expect(roles).toBe(1);
    // The roles are there already on this server, so the text is run under other names.
    const { readFile } = await import('node:fs/promises');
    const text = await readFile(new URL('../../sql/7-rights/roles.sql', import.meta.url), 'utf8');
    const client = new pg.Client({ connectionString: owner.url });
    const notices: string[] = [];
    client.on('notice', (notice) => notices.push(notice.message ?? ''));
    await client.connect();
    await client.query(`create role ${name}`);
    await client.query(`set role ${name}`);
    await client.query(text.replaceAll('watchpost_work', name.replace('norole', 'absent')));
    await client.query('reset role');
    await client.query(`drop role ${name}`);
    await client.end();
    expect(notices).toEqual([expect.stringContaining('rights are not granted')]);
  });
});
