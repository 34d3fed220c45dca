import { beforeAll, describe, expect, it } from 'vitest';
import { answering, openReceiver, verifies } from '../endpoints/support.ts';
import { raiseAlert } from '../support/alerts.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { watchpost } from './support.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await freshDatabase();
});
const run = (...args: string[]) => watchpost(args, { DATABASE_URL: database.url });

describe('watchpost alert', () => {
  it('lists, acknowledges, confirms, dismisses, reopens and shows', async () => {
    const [one, other] = [await raiseAlert(database, { reviewers: 2 }), await raiseAlert(database)];
    const listed = await run('alert', 'list', '--state', 'open');
    expect(listed.stdout).toContain(one.alertId);
    expect(listed.stdout).toContain(other.alertId);

    expect(await run('alert', 'acknowledge', one.alertId, '--note', 'mine')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Person \d+ at Gate \d+, list list \d+: acknowledged\n$/),
    });
    expect((await run('alert', 'confirm', one.alertId)).stdout).toMatch(
      /acknowledged; it waits for a second/,
    );
    const again = await run('alert', 'confirm', one.alertId);
    expect(again).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/second reviewer.*\nA second person/),
    });

    expect((await run('alert', 'dismiss', other.alertId, '--as', 'false_alarm')).stdout).toMatch(
      /dismissed \(false_alarm\)/,
    );
    expect((await run('alert', 'reopen', other.alertId)).stdout).toMatch(/: open\n/);
    const json = await run('alert', 'list', '--state', 'open', '--json');
    expect(JSON.parse(json.stdout).map((alert: { id: string }) => alert.id)).toEqual([other.alertId]);

    const shown = JSON.parse((await run('alert', 'show', one.alertId, '--json')).stdout);
    expect(shown.reviews.map((review: { decision: string }) => review.decision)).toEqual([
      'acknowledged',
      'confirmed',
    ]);
    expect((await run('alert', 'show', one.alertId)).stdout).toMatch(/mine/);
  });

  it('undoes the last review, or only the one that is named', async () => {
    const { alertId } = await raiseAlert(database);
    await run('alert', 'acknowledge', alertId);
    await run('alert', 'dismiss', alertId, '--as', 'resolved');
    const [first] = JSON.parse((await run('alert', 'show', alertId, '--json')).stdout).reviews;
    expect(await run('alert', 'undo', alertId, '--review', first.id)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/dismissed by .*\n[\s\S]*\(undo_refused\)/),
    });
    expect((await run('alert', 'undo', alertId, '--note', 'wrong one')).stdout).toMatch(/: acknowledged\n$/);
    expect((await run('alert', 'undo', alertId)).stdout).toMatch(/: open\n$/);
    expect(await run('alert', 'undo', alertId)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('no review of this alert to undo'),
    });
    expect((await run('alert', 'show', alertId)).stdout).toMatch(/undone[\s\S]*wrong one/);
  });

  it.each([
    [['undo', 'first'], /UUID/],
    [['undo', '01890000-0000-7000-8000-000000000000'], /no alert 01890000/],
    [['confirm', 'first'], /UUID/],
    [['confirm', '01890000-0000-7000-8000-000000000000'], /no alert 01890000/],
    [['dismiss', '01890000-0000-7000-8000-000000000000'], /--as/],
    [['dismiss', '01890000-0000-7000-8000-000000000000', '--as', 'boring'], /not_them/],
    [['list', '--state', 'closed'], /acknowledged/],
  ])('refuses %s', async (args, words) => {
    const { code, stderr } = await run('alert', ...args);
    expect(code).toBe(1);
    expect(stderr).toMatch(words);
  });
});

describe('watchpost endpoint', () => {
  it('adds, lists, tests, rotates, disables and removes, and shows deliveries', async () => {
    const run = (...args: string[]) =>
      watchpost(args, { DATABASE_URL: database.url, WATCHPOST_OUTGOING_ALLOW: '127.0.0.1' });
    const receiver = await openReceiver();
    const added = await run('endpoint', 'add', 'guards', receiver.url, '--min-severity', 'critical');
    expect(added).toMatchObject({ code: 0 });
    const secret = /^secret {2}(whsec_\S+)$/m.exec(added.stdout)?.[1] as string;
    const list = await run('endpoint', 'list');
    expect(list.stdout).toMatch(/guards +webhook +http:\/\/127.* +all +critical +900 +yes/);
    expect(list.stdout).not.toContain('whsec_');

    expect(await run('endpoint', 'test', 'guards')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^It took the message: 204\./),
    });
    expect(verifies(receiver.received[0]!, secret)).toBe(true);
    const rotated = await run('endpoint', 'rotate', 'guards', '--keep', '60');
    expect(rotated.stdout).toMatch(/^secret {2}whsec_\S+\nthe one before signs until \d{4}-/);
    receiver.answer = answering(500, 'broken');
    const failed = await run('endpoint', 'test', 'guards');
    expect(failed).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^It answered 500\. .*\n$/),
    });
    expect((await run('endpoint', 'deliveries', 'guards')).stdout).toMatch(
      /test +1 +failed +500[\s\S]*test +1 +delivered +204/,
    );

    expect((await run('endpoint', 'disable', 'guards')).stdout).toBe('guards is disabled\n');
    expect((await run('endpoint', 'list')).stdout).toMatch(/ no +0$/m);
    expect((await run('endpoint', 'enable', 'guards')).stdout).toBe('guards is enabled\n');
    expect((await run('endpoint', 'remove', 'guards')).stdout).toBe('guards is removed\n');
    expect((await run('endpoint', 'list')).stdout).toBe('no endpoints\n');
  });

  it('refuses an address that could be read on the way, and says what allows it', async () => {
    const refused = await run('endpoint', 'add', 'plain', 'http://guards.example/');
    expect(refused).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/https:\/\/[\s\S]*WATCHPOST_OUTGOING_ALLOW/),
    });
    const allowed = await watchpost(['endpoint', 'add', 'plain', 'http://guards.example/'], {
      DATABASE_URL: database.url,
      WATCHPOST_OUTGOING_ALLOW: '10.0.0.0/8',
    });
    expect(allowed.code).toBe(0);
    const wrong = await watchpost(['endpoint', 'list'], {
      DATABASE_URL: database.url,
      WATCHPOST_OUTGOING_ALLOW: 'yes',
    });
    expect(wrong).toMatchObject({ code: 1, stderr: expect.stringMatching(/give networks or addresses/) });
  });

  it('changes one, and says what is missing', async () => {
    const kind = ['--kind', 'mqtt', '--set', 'user=watchpost', '--set', 'topic=a', '--title', '{{person}}'];
    await run('endpoint', 'add', 'broker', 'mqtts://broker.example', ...kind);
    const set = (...args: string[]) => run('endpoint', 'set', 'broker', ...args);
    expect(await set()).toMatchObject({ code: 1, stderr: expect.stringMatching(/Say what to change/) });
    expect(await set('--text', '{{{person}}}')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/template_invalid/),
    });
    const changed = await set(
      ...['--set', 'topic=b', '--set', 'user=', '--min-severity', 'critical', '--no-title'],
      ...['--text', '{{camera}}', '--sends', 'both', '--time-to-live', '60', '--json'],
    );
    expect(JSON.parse(changed.stdout)).toMatchObject({
      name: 'broker',
      kind: 'mqtt',
      url: 'mqtts://broker.example',
      settings: { topic: 'b' },
      title_template: null,
      text_template: '{{camera}}',
      min_severity: 'critical',
      sends: 'both',
      time_to_live_seconds: 60,
    });
    const renamed = await set('--rename', 'other broker', '--url', 'mqtts://other.example');
    expect(renamed.stdout).toMatch(/^other broker {2}[0-9a-f-]{36}\n$/);
  });

  it('knows no endpoint that is not there, and names those that are', async () => {
    const { code, stderr } = await run('endpoint', 'test', 'nobody');
    expect(code).toBe(1);
    expect(stderr).toMatch(/no endpoint 'nobody'\.\nEndpoints: /);
  });
});

describe('watchpost replay', () => {
  it('does not send again what was sent', async () => {
    const { code, stderr } = await run('replay', '--task', 'deliver', '--all');
    expect(code).toBe(1);
    expect(stderr).toMatch(/what was sent was sent.*--dead-letters/);
  });
});
