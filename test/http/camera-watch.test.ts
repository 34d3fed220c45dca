import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { openLog } from '../../src/log.ts';
import { startWatching } from '../../src/streams/index.ts';
import { watchpost } from '../commands/support.ts';
import { atEnd } from '../support/at-end.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { realVision } from '../support/pipeline.ts';
import { until } from '../support/until.ts';
import { loopback, serve } from '../support/video.ts';
import { type Api, admit, idleProcess, listen } from './support.ts';

describe('how the source of a camera is watched', () => {
  let database: TestDatabase;
  let api: Api;
  beforeAll(async () => {
    database = await freshDatabase();
    const vision = await realVision();
    api = await listen(database, vision, await idleProcess(database, vision, 'resting'));
    await admit(database, api);
  });

  it('is shown by the API and the command: by which worker, since when, what came of it, and what is wrong', async () => {
    let isAway = true;
    let asked = 0;
    const { url } = await serve((_, response) => {
      asked += 1;
      if (isAway) response.writeHead(503).end();
      else response.writeHead(200, { 'content-type': 'image/jpeg' }).end(sample(asked % 2 ? 1 : 2));
    });
    const source = `${url.replace('http://', 'http://guard:hidden@')}/still`;
    const add = async (fields: object) => (await api.call('POST', '/v1/cameras', fields)).body.id;
    const sent = await add({ name: 'sent', location: 'Door' });
    const watched = await add({ name: 'watched', location: 'Gate', source, frames_per_second: 20 });
    const watchOf = async (id: string) => (await api.call('GET', `/v1/cameras/${id}`)).body.watch;
    expect([await watchOf(sent), await watchOf(watched)]).toEqual([null, null]);

    const worker = randomUUID();
    const watching = startWatching({ watcher: worker, database, outgoing: loopback, log: openLog('silent') });
    atEnd(() => watching.stop());
    const untilWatch = (is: (watch: Record<string, unknown>) => boolean) =>
      until(async () => {
        const watch = await watchOf(watched);
        return watch !== null && is(watch) && watch;
      }, 30);
    expect(await untilWatch(({ problem }) => problem !== null)).toMatchObject({
      worker,
      state: 'connecting',
      problem: 'The server answers 503.',
      connected_at: null,
      last_frame_at: null,
      read: 0,
    });

    isAway = false;
    const live = await untilWatch(({ submitted }) => submitted === 6);
    expect(live).toMatchObject({
      worker,
      state: 'watching',
      problem: null,
      connected_at: expect.any(String),
      last_frame_at: expect.any(String),
      still_last_minute: 0,
      reconnects: expect.any(Number),
    });
    expect(live.read).toBeGreaterThanOrEqual(6);
    await untilWatch(({ dropped }) => (dropped as number) > 0);
    await database.rows(
      `insert into watchpost.still_frame (image_id, of_image_id, difference)
       select i.id, (select min(o.id::text)::uuid from watchpost.image as o), 1
       from watchpost.image as i order by i.id desc limit 2`,
    );
    expect(await watchOf(watched)).toMatchObject({ still_last_minute: 2 });

    const list = (...more: string[]) =>
      watchpost(['camera', 'list', ...more], { DATABASE_URL: database.url });
    expect((await list()).stdout).toMatch(/watching +20\d\d-/);
    const shown = JSON.parse((await list('--json')).stdout);
    expect(shown.map(({ watch }: { watch: unknown }) => watch)).toEqual([
      null,
      expect.objectContaining({ worker, state: 'watching' }),
    ]);
    expect(JSON.stringify([shown, live, (await list()).stdout])).not.toContain('hidden');

    await watching.stop();
    expect(await watchOf(watched)).toMatchObject({ worker: null, state: 'unwatched', connected_at: null });
    await api.call('PATCH', `/v1/cameras/${watched}`, { source: null });
    expect(await watchOf(watched)).toBeNull();
  });
});
