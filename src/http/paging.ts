import { Hono } from 'hono';
import { z } from 'zod';
import { listOf, searchWord } from '../fields.ts';
import { clock, timeZone, weekdays } from '../schedule.ts';
import { readPaging, removePaging, setPaging } from '../watchlist/registry.ts';
import { asCaller } from './as-caller.ts';
import { idIn } from './body.ts';
import { operation } from './operation.ts';
import { paging as answer } from './schemas/registers.ts';
import type { Served } from './services.ts';

const week = 604_800;
const fields = z
  .strictObject({
    time_zone: timeZone.default('UTC'),
    quiet: z
      .array(
        z.strictObject({
          days: weekdays.default([1, 2, 3, 4, 5, 6, 7]),
          begins: clock,
          ends: clock,
        }),
      )
      .max(20)
      .default([]),
    critical_pierces: z.boolean().default(false),
    at_most: z.int().min(1).max(1000).nullable().default(null),
    within_seconds: z.int().min(1).max(week).nullable().default(null),
    escalate_after_seconds: z.int().min(1).max(week).nullable().default(null),
    steps: listOf(searchWord)
      .max(10)
      .default([])
      .refine((steps) => new Set(steps).size === steps.length, 'name each endpoint once')
      .meta({ description: 'Names or ids of endpoints.' }),
  })
  .refine((given) => (given.at_most === null) === (given.within_seconds === null), {
    error: 'give at_most and within_seconds, or neither',
    path: ['within_seconds'],
  })
  .refine((given) => (given.escalate_after_seconds === null) === (given.steps.length === 0), {
    error: 'give escalate_after_seconds and steps, or neither',
    path: ['steps'],
  });

/** GET, PUT and DELETE /v1/watchlists/{id}/paging: quiet hours, rate and escalation of a list. */
export const paging = () =>
  new Hono<Served>()
    .get(
      '/:id/paging',
      operation({
        summary: 'When the alerts of a list are sent, and to whom if nobody acknowledges them',
        scope: 'administer',
        answers: { 200: answer },
        errors: ['watchlist_unknown'],
      }),
      async (c) => c.json(await readPaging(c.get('db'), idIn(c))),
    )
    .put(
      '/:id/paging',
      operation({
        summary: 'Set quiet hours, rate and escalation of a list, all of it',
        scope: 'administer',
        body: fields,
        answers: { 200: answer },
        errors: ['watchlist_unknown', 'endpoint_unknown', 'time_zone_unknown', 'changed_meanwhile'],
      }),
      async (c) => {
        const id = idIn(c);
        const wanted = c.req.valid('json');
        return c.json(await asCaller(c, (trx) => setPaging(trx, id, wanted)));
      },
    )
    .delete(
      '/:id/paging',
      operation({
        summary: 'Send the alerts of a list at once again',
        scope: 'administer',
        answers: { 204: null },
        errors: ['watchlist_unknown'],
      }),
      async (c) => {
        const id = idIn(c);
        await asCaller(c, (trx) => removePaging(trx, id));
        return c.body(null, 204);
      },
    );
