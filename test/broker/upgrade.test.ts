import { createHash } from 'node:crypto';
import { appendFile, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase, needsServer, onServer } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { submit, untilFinal } from '../support/pipeline.ts';
import { startWorkerProcess } from '../support/processes.ts';
import { until } from '../support/until.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** The next version: this one with one more column, and a change in its views. */
const makeNextVersion = async (): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'watchpost-next-'));
  await mkdir(join(folder, 'models'));
  for (const part of [
    'src',
    'sql',
    'migrations',
    'models/edits',
    'models/manifest.ts',
    'models/files.ts',
    'package.json',
  ]) {
    await cp(join(root, part), join(folder, part), { recursive: true });
  }
  await symlink(join(root, 'models/installed'), join(folder, 'models/installed'));
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  await writeFile(
    join(folder, 'migrations/9999_next.sql'),
    'alter table watchpost.worker add column next_version text;\n',
  );
  await appendFile(join(folder, 'sql/6-record/image-status.sql'), '\n-- Of the next version.\n');
  return folder;
};

describe.skipIf(!onServer)(`two versions at once ${onServer ? '' : needsServer}`, () => {
  let next: string;
  beforeAll(async () => {
    next = await makeNextVersion();
  });
  afterAll(() => rm(next, { recursive: true, force: true }));

  it('work side by side, and the older one leaves the functions of the newer one', async () => {
    const database = await freshDatabase();
    const appliedViews = async () => {
      const [row] = await database.rows(
        `select sha256 from watchpost.migration where name = 'sql/6-record/image-status.sql'`,
      );
      return row.sha256;
    };
    const before = await startWorkerProcess(database.url);
    const newer = await startWorkerProcess(database.url, {}, join(next, 'src/main.ts'));
    const nextViews = createHash('sha256')
      .update(await readFile(join(next, 'sql/6-record/image-status.sql')))
      .digest('hex');
    expect(await appliedViews()).toBe(nextViews);
    // The last to start is a process of the older version.
    const late = await startWorkerProcess(database.url);
    expect(await appliedViews()).toBe(nextViews);

    const ids: string[] = [];
    const tookPart = async () => {
      ids.push(await submit(database, sample(1)), await submit(database, sample(2)));
      const rows = await database.rows(
        `select distinct w.pid from watchpost.handling as h join watchpost.worker as w on w.id = h.worker_id`,
      );
      return rows.length === 3;
    };
    await until(tookPart);
    for (const id of ids) expect(await untilFinal(database, id)).toMatchObject({ state: 'done', faces: 3 });
    for (const worker of [before, newer, late]) expect(worker.child.exitCode).toBeNull();
    expect(await database.rows('select from watchpost.dead_letter')).toEqual([]);
  });
});
