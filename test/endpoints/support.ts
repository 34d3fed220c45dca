import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { atEnd } from '../support/at-end.ts';
import type { TestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';

/** What a receiver was sent. */
export interface Received {
  readonly headers: Record<string, string>;
  readonly body: string;
  // biome-ignore lint/suspicious/noExplicitAny: each test knows what it was sent.
  readonly message: any;
}

/** A local server that receives alerts; closed at the end of the test file. */
export interface Receiver {
  readonly url: string;
  readonly received: Received[];
  /** How it answers from now on; 204 by default. */
  answer: (response: ServerResponse, request: IncomingMessage) => void;
  /** Resolves with the first so many messages, once there are that many. */
  has(count: number): Promise<Received[]>;
}

export const openReceiver = async (): Promise<Receiver> => {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    const body = Buffer.concat(parts).toString();
    received.push({ headers: request.headers as Record<string, string>, body, message: JSON.parse(body) });
    receiver.answer(response, request);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  const receiver: Receiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/alerts`,
    received,
    answer: (response) => response.writeHead(204).end(),
    has: (count) => until(async () => received.length >= count && received.slice(0, count)),
  };
  return receiver;
};

/** Answers with this status. */
export const answering =
  (status: number, body = '', headers: Record<string, string> = {}): Receiver['answer'] =>
  (response) =>
    response.writeHead(status, headers).end(body);

/** Adds an endpoint for the alerts of one list. */
export const addEndpoint = async (
  database: TestDatabase,
  endpoint: {
    name: string;
    url: string;
    watchlistId?: string;
    minSeverity?: string;
    timeToLive?: string;
    sends?: string;
  },
): Promise<{ id: string; secret: string }> => {
  const [row] = await database.rows(
    'select endpoint_id as id, secret from watchpost.add_endpoint($1, $2, $3, $4, $5, true, $6)',
    [
      endpoint.name,
      endpoint.url,
      endpoint.watchlistId ? [endpoint.watchlistId] : [],
      endpoint.minSeverity ?? 'info',
      endpoint.timeToLive ?? '15 minutes',
      endpoint.sends ?? 'alerts',
    ],
  );
  return row;
};

/** Whether a message verifies with a secret, as a receiver checks it. */
export const verifies = ({ body, headers }: Received, secret: string): boolean => {
  try {
    new Webhook(secret).verify(body, headers);
    return true;
  } catch {
    return false;
  }
};

/** The state of an endpoint's notifications, and of each attempt. */
export const notificationsOf = (database: TestDatabase, endpointId: string) =>
  database.rows('select id, alert_id, state from watchpost.notification where endpoint_id = $1 order by id', [
    endpointId,
  ]);
export const deliveriesOf = (database: TestDatabase, endpointId: string) =>
  database.rows(
    'select attempt, outcome, status, error, notification_id from watchpost.delivery_log where endpoint_id = $1 order by id',
    [endpointId],
  );

/** Resolves when every notification of an endpoint has this state. */
export const untilSettled = (database: TestDatabase, endpointId: string, state: string, count = 1) =>
  until(async () => {
    const rows = await notificationsOf(database, endpointId);
    return rows.filter((row) => row.state === state).length >= count && rows;
  });

/** Makes the next attempts due now instead of after their pause, and wakes the workers as a new job does. */
export const hurry = (database: TestDatabase) =>
  database.rows(
    `select
       pg_notify('jobs:insert', json_build_object('count', count(*))::text),
       graphile_worker.reschedule_jobs(array_agg(j.id), run_at => now())
     from watchpost.list_jobs() as j
     where j.task = 'deliver' and j.locked_at is null and j.run_at > now()
     having count(*) > 0`,
  );
