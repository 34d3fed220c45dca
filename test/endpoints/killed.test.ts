import { expect, it } from 'vitest';
import { raiseAlert } from '../support/alerts.ts';
import { freshDatabase } from '../support/database.ts';
import { startWorkerProcess } from '../support/processes.ts';
import { addEndpoint, answering, deliveriesOf, openReceiver, untilSettled } from './support.ts';

/** The receiver is on this machine. */
const allow = { WATCHPOST_OUTGOING_ALLOW: '127.0.0.1' };

it('a worker that is killed between sending and committing leaves its attempt on record, and another worker sends again with the same id', async () => {
  const database = await freshDatabase();
  const receiver = await openReceiver();
  const { id } = await addEndpoint(database, { name: 'guards', url: receiver.url });
  const first = await startWorkerProcess(database.url, allow);
  // The message has arrived, and the answer never does.
  receiver.answer = () => {};
  await raiseAlert(database);
  await receiver.has(1);
  const [unfinished] = await deliveriesOf(database, id);
  expect(unfinished).toMatchObject({ attempt: 1, outcome: 'unfinished', status: null, error: null });
  first.child.kill('SIGKILL');

  receiver.answer = answering(204);
  await startWorkerProcess(database.url, allow);
  const [notification] = await untilSettled(database, id, 'delivered');
  const [one, other] = await receiver.has(2);
  expect(other!.headers['webhook-id']).toBe(notification.id);
  expect(one!.headers['webhook-id']).toBe(notification.id);
  expect(other!.body).toBe(one!.body);
  expect(await deliveriesOf(database, id)).toMatchObject([
    { attempt: 1, outcome: 'unfinished' },
    { attempt: 2, outcome: 'delivered', status: 204 },
  ]);
});
