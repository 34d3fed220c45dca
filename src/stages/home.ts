import { z } from 'zod';
import { bringHomeUpToDate } from '../endpoints/home.ts';
import { WatchpostError } from '../errors.ts';
import { publicOnly } from '../outgoing/index.ts';
import type { Stage } from './stage.ts';

const payload = z.object({ endpoint_id: z.uuid() });
type Payload = z.infer<typeof payload>;

/** home.due -> home_topic: brings a broker up to date for Home Assistant. Once for all events of an endpoint that came meanwhile. */
export const home: Stage<Payload, null> = {
  task: 'home',
  payload,
  outward: true,

  async work(items, { database, outgoing = publicOnly }) {
    const endpoints = [...new Set(items.map(({ endpoint_id }) => endpoint_id))];
    const outcomes = await Promise.allSettled(
      endpoints.map(async (id) => {
        try {
          await bringHomeUpToDate(database.db, outgoing, id);
          return null;
        } catch (error) {
          if (error instanceof WatchpostError) throw error;
          const words = error instanceof Error ? error.message : String(error);
          throw new WatchpostError(
            'delivery_failed',
            `The broker of the endpoint ${id} is not up to date: ${words}`,
            {
              cause: error,
            },
          );
        }
      }),
    );
    return items.map((item) => outcomes[endpoints.indexOf(item.endpoint_id)] as PromiseSettledResult<null>);
  },

  write: {
    call: 'watchpost.write_home',
    parameters: (finished) => [finished.map(({ item }) => item.event_id)],
  },
};
