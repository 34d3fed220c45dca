import { Hono } from 'hono';
import { z } from 'zod';
import { WatchpostError } from '../errors.ts';
import { legalBasis, purpose } from '../fields.ts';
import {
  dropCameraRule,
  readCamera,
  readProcessingDefault,
  readRules,
  retained,
  retentionActions,
  setProcessingDefault,
  setRule,
} from '../watchlist/registry.ts';
import { asCaller } from './as-caller.ts';
import { idIn } from './body.ts';
import { operation } from './operation.ts';
import { processingDefault, retentionRules } from './schemas/retention.ts';
import type { Served } from './services.ts';

/** A thousand years: the bound of the table. */
const longest = 1000 * 365 * 86_400;

const change = z.strictObject({
  action: z.enum(retentionActions).optional(),
  age_seconds: z.number().min(0).max(longest).optional(),
  purpose: purpose.optional(),
});
const defaults = z.strictObject({ legal_basis: legalBasis.optional(), purpose: purpose.optional() });

type What = (typeof retained)[number];

const whatIn = (word: string): What => {
  const found = retained.find((one) => one === word);
  if (found) return found;
  throw new WatchpostError('retention_invalid', `Nothing is kept by the name of ${JSON.stringify(word)}.`, {
    hint: `There are ${retained.join(', ')}.`,
  });
};

const asChange = ({ age_seconds, ...wanted }: z.output<typeof change>) => ({
  ...wanted,
  age: age_seconds === undefined ? undefined : `${age_seconds} seconds`,
});

/**
 * GET /v1/retention: how long everything is kept. PUT /v1/retention/{what} changes a rule, PUT and DELETE
 * …/{what}/cameras/{id} that of a single camera, PUT /v1/retention the legal basis and purpose where none is given.
 */
export const retention = () =>
  new Hono<Served>()
    .get(
      '/',
      operation({
        summary: 'How long photos, faces, people and the record are kept, and what for',
        scope: 'read',
        answers: { 200: retentionRules },
      }),
      async (c) =>
        c.json({ rules: await readRules(c.get('db')), default: await readProcessingDefault(c.get('db')) }),
    )
    .put(
      '/',
      operation({
        summary: 'Set the legal basis of people and the purpose of lists that are added without one',
        scope: 'administer',
        body: defaults,
        answers: { 200: processingDefault },
        errors: ['legal_basis_invalid', 'purpose_missing', 'text_too_long', 'site_limited'],
      }),
      async (c) => {
        const wanted = c.req.valid('json');
        return c.json(
          await asCaller(c, async (trx) => {
            await setProcessingDefault(trx, wanted);
            return readProcessingDefault(trx);
          }),
        );
      },
    )
    .put(
      '/:what',
      operation({
        summary: 'Change how long something is kept',
        description: 'What is not given stays. What becomes too old by it is deleted within minutes.',
        scope: 'administer',
        body: change,
        answers: { 204: null },
        errors: ['retention_invalid', 'purpose_missing', 'text_too_long', 'site_limited'],
      }),
      async (c) => {
        const relation = whatIn(c.req.param('what'));
        const wanted = asChange(c.req.valid('json'));
        await asCaller(c, (trx) => setRule(trx, { ...wanted, relation }));
        return c.body(null, 204);
      },
    )
    .put(
      '/:what/cameras/:id',
      operation({
        summary: 'Give the photos or faces of a camera a rule of its own',
        scope: 'administer',
        body: change,
        answers: { 204: null },
        errors: ['retention_invalid', 'camera_not_there', 'purpose_missing', 'text_too_long'],
      }),
      async (c) => {
        const [relation, id] = [whatIn(c.req.param('what')), idIn(c)];
        const wanted = asChange(c.req.valid('json'));
        await asCaller(c, async (trx) => {
          const camera = (await readCamera(trx, id)).id;
          await setRule(trx, { ...wanted, relation, camera });
        });
        return c.body(null, 204);
      },
    )
    .delete(
      '/:what/cameras/:id',
      operation({
        summary: 'Take the rule of a camera back: the general one applies again',
        scope: 'administer',
        answers: { 204: null },
        errors: ['retention_invalid', 'camera_not_there'],
      }),
      async (c) => {
        const [relation, id] = [whatIn(c.req.param('what')), idIn(c)];
        await asCaller(c, async (trx) => {
          const camera = (await readCamera(trx, id)).id;
          await dropCameraRule(trx, relation, camera);
        });
        return c.body(null, 204);
      },
    );
