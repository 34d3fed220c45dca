import { beforeAll, describe, expect, it } from 'vitest';
import { testPicture } from '../../src/endpoints/picture.ts';
import { raiseAlert } from '../support/alerts.ts';
import { programs } from '../support/brokers.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { realVision, runWorker } from '../support/pipeline.ts';
import { startWorkerProcess } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { openBroker } from './receivers/broker.ts';

/** Against a real Mosquitto: what Home Assistant would find there. */

describe.skipIf(!programs.mosquitto)('Home Assistant (needs mosquitto)', () => {
  let database: TestDatabase;
  let broker: Awaited<ReturnType<typeof openBroker>>;
  let endpointId: string;
  let raised: Awaited<ReturnType<typeof raiseAlert>>;
  const page = () => database.rows('select watchpost.page_alerts()');
  const bare = (id: string) => id.replaceAll('-', '');

  beforeAll(async () => {
    database = await freshDatabase();
    broker = await openBroker();
    raised = await raiseAlert(database);
    await database.rows('insert into watchpost.watchlist_entry (watchlist_id, person_id) values ($1, $2)', [
      raised.watchlistId,
      raised.personId,
    ]);
    await database.rows(
      'update watchpost.face set crop = $1 where id = (select face_id from watchpost.alert_detail where id = $2)',
      [testPicture().bytes, raised.alertId],
    );
    const [{ endpoint_id }] = (await database.rows(
      `select * from watchpost.add_endpoint('home', $1, internal => true, kind => 'mqtt', settings => '{"home_assistant": "ha"}')`,
      [broker.url],
    )) as [{ endpoint_id: string }];
    endpointId = endpoint_id;
    await page();
    await runWorker(database, await realVision());
  });

  it('finds a sensor for a person, a binary sensor for a list, and the picture of the latest alert', async () => {
    const { personId, watchlistId, alertId } = raised;
    const config = await until(async () =>
      broker.json(`ha/sensor/watchpost/person_${bare(personId)}/config`),
    );
    expect(config).toMatchObject({
      unique_id: `watchpost_person_${personId}`,
      availability_topic: 'watchpost/status',
      device: { identifiers: [`watchpost_${endpointId}`] },
    });
    await until(async () => broker.topics.has(config.state_topic));
    expect(broker.topics.get(config.state_topic)?.toString()).toMatch(/^Gate \d+$/);
    const attributes = await until(async () => broker.json(config.json_attributes_topic));
    expect(attributes).toMatchObject({
      alert_id: alertId,
      camera: expect.stringMatching(/^camera/),
      since: expect.stringMatching(/^20/),
    });
    const list = await until(async () =>
      broker.json(`ha/binary_sensor/watchpost/list_${bare(watchlistId)}/config`),
    );
    await until(async () => broker.topics.get(list.state_topic)?.toString() === 'ON');
    const image = await until(async () => broker.json('ha/image/watchpost/latest/config'));
    await until(async () => broker.topics.get(image.image_topic)?.equals(testPicture().bytes));
  });

  it('is told at once what became of an alert, and says so in the list', async () => {
    await database.rows('select watchpost.dismiss($1, $2)', [raised.alertId, 'resolved']);
    await until(
      async () => broker.topics.get(`watchpost/list/${raised.watchlistId}/state`)?.toString() === 'OFF',
    );
    await until(
      async () => broker.topics.get(`watchpost/person/${raised.personId}/state`)?.toString() === 'not seen',
    );
  });

  it('sees that Watchpost is there, and that it is gone by the last will of a worker that is killed', async () => {
    const said = () => broker.said.get('watchpost/status') ?? [];
    await until(async () => said().includes('online'));
    const other = await startWorkerProcess(database.url, { WATCHPOST_OUTGOING_ALLOW: '127.0.0.1' });
    const workers = await database.rows(
      'select h.worker_id as own, w.id as other from watchpost.home as h join watchpost.worker as w on w.id <> h.worker_id',
    );
    const { own, other: id } = workers[0] as { own: string; other: string };
    const before = said().length;
    await database.rows('update watchpost.home set worker_id = $1', [id]);
    await until(async () => said().slice(before).includes('online'));
    const killed = said().length;
    await other.stop('SIGKILL');
    await until(async () => said().slice(killed).includes('offline'));
    await database.rows('update watchpost.worker set lost_at = now() where id = $1', [id]);
    await until(async () => {
      const [row] = await database.rows('select worker_id from watchpost.home');
      return row.worker_id === own && said().at(-1) === 'online';
    });
  });

  it('finds everything at another place when the endpoint is changed', async () => {
    await database.rows('select watchpost.set_endpoint($1, $2)', [
      endpointId,
      { settings: { home_assistant: 'ha', topic: 'guards' } },
    ]);
    await page();
    await until(async () => broker.said.get('guards/status')?.at(-1) === 'online');
    await until(async () => broker.topics.has(`guards/list/${raised.watchlistId}/state`));
    await until(async () => !broker.topics.has(`watchpost/list/${raised.watchlistId}/state`));
    expect(broker.said.get('watchpost/status')?.at(-1)).toBe('offline');
  });

  it('is left without what is removed: a person, a list, and at last the endpoint', async () => {
    const person = `ha/sensor/watchpost/person_${bare(raised.personId)}/config`;
    await until(async () => broker.topics.has(person));
    await database.rows('select watchpost.forget_person($1)', [raised.personId]);
    await page();
    await until(async () => !broker.topics.has(person));
    // One message after the other.
    await until(async () => [...broker.topics.keys()].every((topic) => !topic.includes(raised.personId)));
    await database.rows('delete from watchpost.watchlist where id = $1', [raised.watchlistId]);
    await page();
    await until(
      async () => !broker.topics.has(`ha/binary_sensor/watchpost/list_${bare(raised.watchlistId)}/config`),
    );
    await database.rows('select watchpost.remove_endpoint($1)', [endpointId]);
    await page();
    await until(async () => [...broker.topics.keys()].every((topic) => !topic.startsWith('ha/')));
    await until(async () => (await database.rows('select from watchpost.home_topic')).length === 0);
  });
});
