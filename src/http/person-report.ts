import { Hono } from 'hono';
import { readAccessReport } from '../watchlist/registry.ts';
import { accessReason, reasonOf } from './access-reason.ts';
import { asCaller } from './as-caller.ts';
import { idIn } from './body.ts';
import { operation } from './operation.ts';
import { accessReport } from './schemas/access.ts';
import type { Served } from './services.ts';

/** GET /v1/persons/{id}/report: what is stored of a person, every search that touched them, and who looked. */
export const personReport = () =>
  new Hono<Served>().get(
    '/:id/report',
    operation({
      summary: 'The access report of a person',
      description: 'What is stored of them, every search that touched them, and who looked; it names itself.',
      scope: 'administer',
      headers: accessReason,
      answers: { 200: accessReport },
      errors: ['person_unknown', 'text_too_long'],
    }),
    async (c) => {
      const id = idIn(c);
      const reason = reasonOf(c);
      return c.json(await asCaller(c, (trx) => readAccessReport(trx, id, { reason })));
    },
  );
