import { beforeAll, describe, expect, it } from 'vitest';
import { toWatchpostError } from '../../src/convert-error.ts';
import { reportPage } from '../../src/transfer/access-page.ts';
import { findAccesses, mergePersons, readAccessReport, recordAccess } from '../../src/watchlist/registry.ts';
import { actingOn } from '../support/acting.ts';
import { raiseAlert } from '../support/alerts.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let seen: { alertId: string; personId: string; image_id: string; face_id: string };

beforeAll(async () => {
  database = await freshDatabase();
  const alert = await raiseAlert(database);
  const [where] = await database.rows('select image_id, face_id from watchpost.alert_detail where id = $1', [
    alert.alertId,
  ]);
  seen = { ...alert, ...(where as { image_id: string; face_id: string }) };
});

const row = async (id: string) =>
  (await database.rows('select * from watchpost.access where id = $1', [id]))[0];

describe('an access', () => {
  it('says who looked at what, when and why, and whom it concerned', async () => {
    const { record_access: id } = await actingOn(database)(
      'api:gate',
      `record_access('photo', 'image', $1, ' a complaint ')`,
      seen.image_id,
    );
    expect(await row(id)).toMatchObject({
      actor: 'api:gate',
      action: 'photo',
      subject_kind: 'image',
      subject_id: seen.image_id,
      person_ids: [seen.personId],
      reason: 'a complaint',
      times: 1,
    });
    const [event] = await database.rows(
      `select payload from watchpost.event where topic = 'access.recorded' and subject_id = $1`,
      [id],
    );
    expect(event.payload).toEqual({
      access_id: id,
      action: 'photo',
      kind: 'image',
      id: seen.image_id,
      by: 'api:gate',
    });
  });

  it('of a crop that the same actor reads again within a minute is counted; each search is a row', async () => {
    const read = (actor: string) =>
      actingOn(database)(actor, `record_access('crop', 'face', $1)`, seen.face_id).then(
        ({ record_access }) => record_access as string,
      );
    const first = await read('api:a');
    expect(await read('api:a')).toBe(first);
    expect(await read('api:b')).not.toBe(first);
    expect(await row(first)).toMatchObject({ times: 2 });
    const search = () =>
      recordAccess(database.db, { action: 'search', persons: [seen.personId], details: { sha256: 'x' } });
    expect(await search()).not.toBe(await search());
  });

  it('of another reason, or more than a minute later, is another row', async () => {
    const first = await recordAccess(database.db, {
      action: 'photo',
      subject: { kind: 'image', id: seen.image_id },
      reason: 'one',
    });
    const other = { action: 'photo', subject: { kind: 'image', id: seen.image_id }, reason: 'two' } as const;
    const second = await recordAccess(database.db, other);
    expect(second).not.toBe(first);
    await database.rows('alter table watchpost.access disable trigger access_append_only');
    await database.rows(`update watchpost.access set last_at = last_at - interval '61 seconds'`);
    await database.rows('alter table watchpost.access enable trigger access_append_only');
    expect(await recordAccess(database.db, other)).not.toBe(second);
  });

  it.each([
    'delete from watchpost.access',
    'truncate watchpost.access',
    'truncate watchpost_history.access_rest',
    `update watchpost.access set actor = 'nobody'`,
    'update watchpost.access set times = times - 1',
    `update watchpost.access set times = times + 1, reason = 'another'`,
  ])('%s is refused, also to a superuser', async (statement) => {
    const error = await database.rows(statement).catch((reason) => reason);
    expect(toWatchpostError(error).code).toBe('record_append_only');
  });

  it('are listed by actor, person and kind, page by page', async () => {
    const of = async (filter: object, limit = 100) => findAccesses(database.db, { ...filter, limit });
    expect((await of({ actor: 'api:b' })).map(({ action }) => action)).toEqual(['crop']);
    expect((await of({ action: 'search' })).every(({ action }) => action === 'search')).toBe(true);
    const all = await of({ person: seen.personId });
    expect(all.length).toBeGreaterThan(3);
    const [first] = await of({ person: seen.personId }, 1);
    expect(await of({ person: seen.personId, after: first?.id })).toEqual(all.slice(1));
    expect(await of({ since: new Date(Date.now() + 60_000).toISOString() })).toEqual([]);
  });
});

describe('the access report', () => {
  it('has what is stored of a person, the searches that touched them and who looked, itself included', async () => {
    const report = await readAccessReport(database.db, seen.personId, { reason: 'their request' });
    expect(report.person).toMatchObject({ id: seen.personId, legal_basis: 'unspecified' });
    expect(report.sightings).toMatchObject([{ image_id: seen.image_id, face_id: seen.face_id }]);
    expect(report.alerts).toMatchObject([{ id: seen.alertId, state: 'open', reviews: [] }]);
    expect(report.searches).toMatchObject([{ face_id: seen.face_id, outcome: 'match' }]);
    expect(report.accesses.at(-1)).toMatchObject({ action: 'report', reason: 'their request' });
    expect(report.accesses.map(({ action }) => action)).toEqual(
      expect.arrayContaining(['crop', 'photo', 'search']),
    );
    expect(report.events.map(({ topic }) => topic)).toEqual(
      expect.arrayContaining(['person.changed', 'match.found', 'alert.raised']),
    );
  });

  it('goes on with who was merged into them, and names nobody else', async () => {
    const other = await raiseAlert(database);
    const third = await raiseAlert(database);
    await mergePersons(database.db, { keep: seen.personId, merged: other.personId }, undefined);
    const report = await readAccessReport(database.db, other.personId);
    expect(report.person.id).toBe(seen.personId);
    expect(report.alerts.map(({ id }) => id)).toEqual(expect.arrayContaining([seen.alertId, other.alertId]));
    expect(JSON.stringify(report)).not.toContain(third.personId);
  });

  it('is a page that loads nothing and takes no markup from a name', async () => {
    const [{ id }] = await database.rows(
      `insert into watchpost.person (name) values ('<img src=x onerror=alert(1)>') returning id`,
    );
    const page = reportPage(await readAccessReport(database.db, id), new Map(), new Date());
    expect(page).not.toMatch(/<img|<script|https?:\/\//);
    expect(page).toContain('&lt;img src=x');
    expect(page).toContain('Who looked');
  });

  it('of nobody is refused, and leaves no access', async () => {
    const before = await findAccesses(database.db, { limit: 1 });
    const error = await readAccessReport(database.db, seen.face_id).catch((reason) =>
      toWatchpostError(reason),
    );
    expect(error).toMatchObject({ code: 'person_unknown' });
    expect(await findAccesses(database.db, { limit: 1 })).toEqual(before);
  });
});
