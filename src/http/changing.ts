import { createFactory } from 'hono/factory';
import { type Change, changeNamed, type Named } from '../database/named.ts';
import { asCaller } from './as-caller.ts';
import { idIn } from './body.ts';
import { operation } from './operation.ts';
import type { Served } from './services.ts';

/** The handlers of a change whose path says it all. */
export const changing = (what: Named, change: Change, summary: string) =>
  createFactory<Served>().createHandlers(
    operation({ summary, scope: 'administer', answers: { 204: null }, errors: [`${what}_unknown`] }),
    async (c) => {
      const id = idIn(c);
      await asCaller(c, (trx) => changeNamed(trx, what, id, change));
      return c.body(null, 204);
    },
  );
