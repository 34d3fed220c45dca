import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { raiseAlert } from '../support/alerts.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { addModel, addPastFaces } from '../support/fabricate.ts';
import { watchpost } from './support.ts';

let database: TestDatabase;
let folder: string;
let person: { personId: string; alertId: string };

beforeAll(async () => {
  database = await freshDatabase();
  folder = await mkdtemp(join(tmpdir(), 'watchpost-retention-'));
  const model = await addModel(database, 'alerts-model', 4);
  await addPastFaces(database, { model, vectors: [[1, 0, 0, 0]], since: '2026-02-01T00:00:00Z' });
  person = await raiseAlert(database);
  await run('camera', 'add', 'gate', '--location', 'North gate');
});
afterAll(() => rm(folder, { recursive: true }));

const run = (...args: string[]) => watchpost(args, { DATABASE_URL: database.url });
const later = () => new Date(Date.now() + 49 * 3_600_000).toISOString();

describe('retention', () => {
  it('list names each rule with its purpose, and the defaults', async () => {
    const { code, stdout } = await run('retention', 'list');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^image +delete +48 hours +To be searched/m);
    expect(stdout).toMatch(/^person +delete +keep_until; without one, review after 1 year/m);
    expect(stdout).toContain('legal basis of people who are added without one: unspecified');
    const { rules } = JSON.parse((await run('retention', 'list', '--json')).stdout);
    expect(rules[0]).toMatchObject({ relation: 'image', camera: null, age_seconds: 172_800 });
  });

  it('set changes a rule, or gives a camera one of its own, and takes it back', async () => {
    expect((await run('retention', 'set', 'image', '--age', '3 days')).stdout).toBe(
      'image: delete after 3 days\n',
    );
    expect((await run('retention', 'set', 'image', '--camera', 'gate', '--action', 'keep')).stdout).toBe(
      'image of gate: keep\n',
    );
    expect((await run('retention', 'list')).stdout).toMatch(/^image +gate +keep/m);
    expect((await run('retention', 'set', 'image', '--camera', 'gate', '--reset')).stdout).toBe(
      'gate has the general rule\n',
    );
    await run('retention', 'set', 'image', '--age', '48 hours');
  });

  it.each([
    [['set', 'image'], 'Say what to change: --age, --action or --purpose.'],
    [['set', 'alert', '--age', '1 day'], '"alert" has no rule: there are image, face'],
    [['set', 'image', '--age', 'often'], '"often" is not an interval, like "30 days".'],
    [['set', 'event', '--action', 'delete'], '(retention_invalid)'],
    [['set', 'image', '--purpose', ' '], 'Say in a few words what it is for.'],
    [['set', 'stranger', '--camera', 'gate', '--age', '1 day'], 'for no single camera'],
    [['set', 'image', '--reset'], 'Say of which camera'],
    [['run', '--at', '2027-01-01T00:00:00Z'], '--at is for --dry-run'],
    [['default', '--legal-basis', 'because'], 'Give one of consent, explicit_consent'],
  ])('%j is refused in a sentence', async (args, sentence) => {
    const { code, stdout, stderr } = await run('retention', ...args);
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toContain(sentence);
  });

  it('run --dry-run says what would be deleted by a time and what is held; run deletes nothing that is not due', async () => {
    const { stdout } = await run('retention', 'run', '--dry-run', '--at', later());
    expect(stdout).toMatch(/^1 photos would be deleted\n {2}1 kept: (an alert rests on them)/m);
    expect((await run('retention', 'run')).stdout).toMatch(/^0 photos are deleted$/m);
    const json = JSON.parse((await run('retention', 'run', '--dry-run', '--at', later(), '--json')).stdout);
    expect(json).toMatchObject({ dryRun: true, images: { deleted: 1, held: { alert: 1 } } });
    expect(await database.rows(`select from watchpost.image`)).toHaveLength(2);
  });

  it('default is what new people and lists get, of which doctor reminds until then', async () => {
    const before = await run('doctor');
    expect(before.stdout).toMatch(
      /^ok {4}basis +1 people without a legal basis, 1 lists without a purpose; set the default/m,
    );
    expect(before.stdout).toMatch(
      /^ok {4}retention +photos 48 hours, faces that match nobody 48 hours, strangers 30 days/m,
    );
    await run('retention', 'default', '--legal-basis', 'legitimate_interest', '--purpose', 'Thefts');
    await run('person', 'add', 'Ada', '--keep-until', '2027-01-01T00:00:00Z');
    await run('watchlist', 'add', 'thieves');
    expect((await run('person', 'show', 'Ada')).stdout).toContain(
      'legal basis legitimate_interest, to be deleted 2027-01-01T00:00:00.000Z',
    );
    await run('person', 'set', 'Ada', '--legal-basis', 'consent', '--keep-until', 'never');
    expect(
      await database.rows(`select legal_basis, keep_until from watchpost.person where name = 'Ada'`),
    ).toEqual([{ legal_basis: 'consent', keep_until: null }]);
    expect(await database.rows(`select purpose from watchpost.watchlist where name = 'thieves'`)).toEqual([
      { purpose: 'Thefts' },
    ]);
  });

  it('is named when the schema is applied the first time, with the settings of the installer', async () => {
    const empty = await freshDatabase({ empty: true });
    const settings = {
      DATABASE_URL: empty.url,
      WATCHPOST_LEGAL_BASIS: 'public_task',
      WATCHPOST_PURPOSE: 'Missing people',
    };
    const first = await watchpost(['migrate'], settings);
    expect(first.stdout).toContain(
      'photos that no alert rests on are deleted after 48 hours, and faces that match nobody after 48 hours',
    );
    expect(first.stdout).not.toContain('unspecified');
    expect(await empty.rows('select legal_basis, purpose from watchpost.processing_default')).toEqual([
      { legal_basis: 'public_task', purpose: 'Missing people' },
    ]);
    expect((await watchpost(['migrate'], settings)).stdout).toBe('the database is up to date\n');
  });
});

describe('who looked', () => {
  const nameOf = async (id: string): Promise<string> =>
    (await database.rows('select name from watchpost.person where id = $1', [id]))[0].name;

  it('an export is on record with everybody in it, and why', async () => {
    await run('export', join(folder, 'export'), '--reason', 'move to another site');
    const { stdout } = await run('access', 'list', '--action', 'export', '--json');
    const [row] = JSON.parse(stdout);
    expect(row).toMatchObject({ actor: 'postgres', subject: null, reason: 'move to another site', times: 1 });
    expect(row.person_ids).toContain(person.personId);
  });

  it('person report writes everything that is known of a person into a file of their own, and names itself', async () => {
    const file = join(folder, 'person.html');
    const name = await nameOf(person.personId);
    const written = await run('person', 'report', name, '--out', file, '--photos', '--reason', 'Art. 15');
    expect(written).toMatchObject({ code: 0, stderr: '' });
    expect(written.stdout).toBe(`${name}: 1 sightings, 1 searches, looked at 2 times: ${file}\n`);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readFile(file, 'utf8')).toContain('Art. 15');
    const json = JSON.parse((await run('person', 'report', name)).stdout);
    expect(json.accesses.map(({ action }: { action: string }) => action)).toEqual([
      'export',
      'report',
      'report',
    ]);
    expect((await run('access', 'list', '--person', name)).stdout).toContain('Art. 15');
  });

  it('a report into a file that is there, or of another kind, is refused', async () => {
    const name = await nameOf(person.personId);
    const there = await run('person', 'report', name, '--out', join(folder, 'person.html'));
    expect(there).toMatchObject({ code: 1, stderr: expect.stringContaining('it is there already') });
    const other = await run('person', 'report', name, '--out', 'person.pdf');
    expect(other).toMatchObject({ code: 1, stderr: expect.stringContaining('.html or .json') });
  });
});
