import { beforeAll, describe, expect, it } from 'vitest';
import { raiseAlert } from '../../support/alerts.ts';
import { freshDatabase, type TestDatabase } from '../../support/database.ts';
import { examplesIn, openNorthGate, type RunExample } from '../../support/examples.ts';
import { sample } from '../../support/photos.ts';
import { submit, untilFinal } from '../../support/pipeline.ts';
import { until } from '../../support/until.ts';

describe('sql/examples of alerts and endpoints', () => {
  let database: TestDatabase;
  let run: RunExample;

  beforeAll(async () => {
    database = await freshDatabase();
    run = examplesIn(database);
    await openNorthGate(database);
    await untilFinal(database, await submit(database, sample(1), 'north-gate'));
  });

  it('alerts-today.sql', async () => {
    expect(await run('alerts-today.sql')).toMatchObject([
      {
        severity: 'warning',
        person: 'Ada',
        watchlist: 'missing',
        location: 'North gate',
        sightings: 1,
        state: 'open',
      },
    ]);
    await database.rows(`update watchpost.alert set created_at = now() - interval '2 days'`);
    expect(await run('alerts-today.sql')).toEqual([]);
  });

  it('lineage-of-an-alert.sql', async () => {
    const rows = await run('lineage-of-an-alert.sql');
    expect(rows.map((row) => row.person)).toEqual(['Ada']);
  });

  it('open-alerts.sql, act-on-an-alert.sql, reviews-of-an-alert.sql and undo-a-review.sql', async () => {
    const [user] = await database.rows('select session_user as name');
    const open = await run('open-alerts.sql');
    expect(open).toMatchObject([{ severity: 'warning', person: 'Ada', state: 'open', awaiting: null }]);
    expect(await run('reviews-of-an-alert.sql')).toEqual([]);
    const [acted] = await run('act-on-an-alert.sql');
    expect(acted).toMatchObject({ alert_id: open[0].alert_id, state: 'confirmed', confirmed_by: user.name });
    expect(await run('reviews-of-an-alert.sql')).toMatchObject([
      { decision: 'acknowledged', reviewer: user.name },
      { decision: 'confirmed', reviewer: user.name, note: 'known by the scar' },
    ]);
    expect(await run('open-alerts.sql')).toEqual([]);
    expect(await run('undo-a-review.sql')).toEqual([
      { alert_id: open[0].alert_id, state: 'acknowledged', withdrawn_at: null },
    ]);
    expect((await run('reviews-of-an-alert.sql')).at(-1)).toMatchObject({
      ...{ decision: 'undone', reviewer: user.name, note: 'the wrong button' },
    });
  });

  it('held-back-now.sql', async () => {
    const [list] = await database.rows(`select id, name from watchpost.watchlist limit 1`);
    await database.rows('insert into watchpost.paging (watchlist_id) values ($1)', [list.id]);
    await database.rows(
      `insert into watchpost.paging_quiet (watchlist_id, begins, ends) values ($1, '00:00', '00:00')`,
      [list.id],
    );
    expect(await run('held-back-now.sql')).toEqual([
      { list: list.name, quiet: true, steps: [], endpoint: null, held: '0', since: null },
    ]);
    await database.rows('delete from watchpost.paging where watchlist_id = $1', [list.id]);
  });

  it('add-a-chat.sql', async () => {
    const [{ endpoint_id }] = await run('add-a-chat.sql');
    const [made] = await database.rows(
      `select e.kind, e.url, e.settings, convert_from(c.value, 'UTF8') as credential
       from watchpost.endpoint as e join watchpost.endpoint_credential as c on c.endpoint_id = e.id where e.id = $1`,
      [endpoint_id],
    );
    expect(made).toEqual({
      kind: 'telegram',
      url: 'https://api.telegram.org',
      settings: { chat_id: '-100123' },
      credential: '1:token',
    });
    await database.rows('select watchpost.remove_endpoint($1)', [endpoint_id]);
  });

  it('add-an-endpoint.sql, rotate-a-secret.sql, deliveries-of-an-alert.sql and endpoints-that-fail.sql', async () => {
    expect(await run('deliveries-of-an-alert.sql')).toEqual([]);
    const [{ endpoint_id, secret }] = await run('add-an-endpoint.sql');
    const [rotated] = await run('rotate-a-secret.sql');
    expect([secret, rotated.secret]).toEqual(Array(2).fill(expect.stringMatching(/^whsec_/)));
    expect(rotated.secret).not.toBe(secret);
    // A port of this machine on which nothing listens.
    await database.rows(
      `update watchpost.endpoint set url = 'http://127.0.0.1:2/', internal = true, min_severity = 'info' where id = $1`,
      [endpoint_id],
    );
    expect(await run('endpoints-that-fail.sql')).toEqual([]);
    await raiseAlert(database);
    const [attempt] = await until(async () => {
      const rows = await run('deliveries-of-an-alert.sql');
      return rows[0]?.outcome === 'failed' && rows;
    });
    expect(attempt).toMatchObject({ endpoint: 'control room', state: 'due', attempt: 1, status: null });
    expect(await run('endpoints-that-fail.sql')).toMatchObject([
      { endpoint: 'control room', error: attempt.error, latest_success: null, due: '1', enabled: true },
    ]);
    await database.rows('select watchpost.disable_endpoint($1)', [endpoint_id]);
  });

  it('make-a-key.sql and keys-to-look-at.sql', async () => {
    const [{ key_id, key }] = await run('make-a-key.sql');
    expect(key).toMatch(/^wp_/);
    const [made] = await database.rows('select * from watchpost.key_status where id = $1', [key_id]);
    expect(made).toMatchObject({ name: 'gate camera', scopes: ['submit'], cameras: [expect.any(String)] });
    expect(await run('keys-to-look-at.sql')).toEqual([]);
    await database.rows(
      `update watchpost.api_key set created_at = now() - interval '91 days' where name = 'gate camera'`,
    );
    expect(await run('keys-to-look-at.sql')).toMatchObject([{ name: 'gate camera', why: 'not used' }]);
    await database.rows(
      `update watchpost.api_key set last_used_at = now(), expires_at = now() + interval '13 days' where id = $1`,
      [key_id],
    );
    expect(await run('keys-to-look-at.sql')).toMatchObject([{ name: 'gate camera', why: 'expires soon' }]);
  });

  it('listen-for-alerts.sql', async () => {
    const { alertId } = await raiseAlert(database);
    expect((await run('listen-for-alerts.sql')).map((row) => row.alert_id)).toContain(alertId);
  });
});
