import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { commands } from '../../src/commands/catalogue.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { samplePath } from '../support/photos.ts';
import { type Ended, spawnWatchpost, temporaryFolder, watchpost } from './support.ts';

let database: TestDatabase;
let folder: string;

beforeAll(async () => {
  database = await freshDatabase();
  folder = await temporaryFolder();
});

interface Example {
  readonly args: () => string[];
  readonly code: number;
  readonly stdout: RegExp;
  readonly stderr?: RegExp;
}
const nothing = /^$/;

/** Commands with a test file of their own. */
const ownTest = ['up', 'work', 'demo'];

/** In this order, in one database. */
const examples: Record<string, Example> = {
  migrate: { args: () => ['migrate'], code: 0, stdout: /^the database is up to date\n$/ },
  doctor: { args: () => ['doctor'], code: 1, stdout: /^ok +models[\s\S]*^FAIL +workers +0 alive$/m },
  status: { args: () => ['status'], code: 0, stdout: /^detect +0 [\s\S]*No worker is running/m },
  camera: {
    args: () => ['camera', 'add', 'gate', '--location', 'North gate'],
    code: 0,
    stdout: /^gate {2}[\da-f-]{36}\n$/,
  },
  plan: {
    args: () => ['plan', 'add', 'ground floor', samplePath(4)],
    code: 0,
    stdout: /^ground floor {2}[\da-f-]{36} {2}\d+ × \d+\n$/,
  },
  submit: {
    args: () => ['submit', samplePath(4), '--camera', 'gate'],
    code: 0,
    stdout: /^sample4\.jpg {2}[\da-f-]{36}\n$/,
  },
  retention: {
    args: () => ['retention', 'list'],
    code: 0,
    stdout: /^what[^\n]*\n[\s\S]*48 hours/,
  },
  access: { args: () => ['access', 'list'], code: 0, stdout: /^nobody looked\n$/ },
  image: {
    args: () => ['image', 'remove', '--all', '--dry-run'],
    code: 0,
    stdout: /^1 photo would be deleted, with their faces and searches\n$/,
  },
  search: {
    args: () => ['search', samplePath(4)],
    code: 0,
    stdout: /^4 faces, 0 lists searched\n[\s\S]* {2}nobody\n/,
  },
  compare: {
    args: () => ['compare', samplePath(1), samplePath(3)],
    code: 0,
    stdout: /^match: similarity 0\.727, threshold 0\.50\n/,
  },
  detect: { args: () => ['detect', samplePath(4)], code: 0, stdout: /^\d+ × \d+ jpeg\nfaces_several: / },
  key: {
    args: () => ['key', 'create', 'gate camera', '--scope', 'submit', '--camera', 'gate'],
    code: 0,
    stdout: /^gate camera {2}[\da-f-]{36} {2}submit\nkey {2}wp_[\w-]{43}\n$/,
    stderr: /^Keep it now: it is never shown again\.\n$/,
  },
  person: { args: () => ['person', 'add', 'Ada'], code: 0, stdout: /^Ada {2}[\da-f-]{36}\n$/ },
  watchlist: {
    args: () => ['watchlist', 'add', 'wanted'],
    code: 0,
    stdout: /^wanted {2}[\da-f-]{36} {2}threshold 0\.5 \(default\)\n$/,
  },
  export: {
    args: () => ['export', join(folder, 'people')],
    code: 0,
    stdout: /^people {7}1\nphotos {7}0\nlists {8}1\ncameras {6}1\n/,
    stderr: /^1 of 1 people\n$/,
  },
  import: {
    args: () => ['import', join(folder, 'people'), '--allow-refused'],
    code: 0,
    stdout: /^people {3}0 added, 1 known before, 0 not added\n/,
    stderr: /^1 of 1 people\n$/,
  },
  site: {
    args: () => ['site', 'list'],
    code: 0,
    stdout: /^name +cameras +watchlists +members +id\n.*\ndefault +\d+ +\d+ /,
  },
  track: { args: () => ['track', 'list'], code: 0, stdout: /^no tracks\n$/ },
  alert: { args: () => ['alert', 'list'], code: 0, stdout: /^no alerts\n$/ },
  erase: { args: () => ['erase', 'list'], code: 0, stdout: /^nothing was erased\n$/ },
  encryption: {
    args: () => ['encryption', 'status'],
    code: 0,
    stdout: /^off: no key is set\nphotos {2}0 encrypted/,
  },
  bridge: { args: () => ['bridge', 'list'], code: 0, stdout: /^no bridges\n$/ },
  endpoint: { args: () => ['endpoint', 'list'], code: 0, stdout: /^no endpoints\n$/ },
  calibrate: { args: () => ['calibrate'], code: 1, stdout: nothing, stderr: /^Nobody is enrolled/ },
  evaluate: {
    args: () => ['evaluate', join(folder, 'missing')],
    code: 1,
    stdout: nothing,
    stderr: /^\S+\/missing cannot be read: there is no such folder\.\n\(folder_invalid\)\n$/,
  },
  sql: { args: () => ['sql', 'select 1 as one'], code: 0, stdout: /^one\n───\n {2}1\n$/ },
  replay: {
    args: () => ['replay', '--dead-letters'],
    code: 0,
    stdout: /^0 dead letters went back to work\n$/,
  },
  pause: { args: () => ['pause', 'embed'], code: 0, stdout: /^embed is paused: its jobs wait\n$/ },
  resume: { args: () => ['resume', 'embed'], code: 0, stdout: /^embed is at work again\n$/ },
  verify: { args: () => ['verify'], code: 0, stdout: /^ok {4}0 rows are as they were sealed/ },
  move: {
    args: () => ['move', '--to', database.url],
    code: 1,
    stdout: nothing,
    stderr: /^The database at postgres:\S+ is not empty: \S+ has rows\.\nGive a new one/,
  },
  tail: {
    args: () => ['tail', '--no-follow', '-n', '1', '--topic', 'camera.changed'],
    code: 0,
    stdout: /^\S+ \S+ {2}camera\.changed +gate /,
  },
  watch: { args: () => ['watch', folder, '--once'], code: 0, stdout: nothing },
  completion: { args: () => ['completion', 'bash'], code: 0, stdout: /watchpost complete -- / },
  complete: { args: () => ['complete', '--', 'came'], code: 0, stdout: /^camera\t[^\n]+\n:4\n$/ },
  'stranger-rule': { args: () => ['stranger-rule', 'list'], code: 0, stdout: /^no rules\n$/ },
  strangers: { args: () => ['strangers', 'list'], code: 0, stdout: /^nobody\n$/ },
  describe: {
    args: () => ['describe', 'off'],
    code: 0,
    stdout: /\nIt was off already: nothing changed\.\n$/,
  },
};

/**
 * Run as processes: one that fails, one that succeeds with something on stderr, one that ends with 1 by its result, and one
 * that writes to the stdout of the process.
 */
const asProcess = new Set(['evaluate', 'key', 'doctor', 'completion']);

describe('a command', () => {
  it.each(Object.entries(examples))(
    '%s has its output on stdout, all else on stderr, and its exit code',
    async (name, { args, code, stdout, stderr = nothing }) => {
      const run = asProcess.has(name) ? spawnWatchpost : watchpost;
      const settings = { DATABASE_URL: database.url, WATCHPOST_DATA: join(folder, 'data') };
      expect(await run(args(), settings)).toEqual<Ended>({
        code,
        stdout: expect.stringMatching(stdout),
        stderr: expect.stringMatching(stderr),
      });
    },
  );

  it('is run here or in a test of its own', () => {
    const names = commands.flatMap((entry) => entry.names);
    expect([...Object.keys(examples), ...ownTest].toSorted()).toEqual(names.toSorted());
  });
});
