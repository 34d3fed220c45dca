import { Hono } from 'hono';
import { z } from 'zod';
import { interval, listOf, name, nextOf, pageLimit, searchWord } from '../fields.ts';
import { clock, timeZone, weekdays } from '../schedule.ts';
import {
  addStrangerRule,
  readStrangerRule,
  readStrangerRules,
  removeStrangerRule,
  setStrangerRule,
} from '../watchlist/stranger-rules.ts';
import { asCaller } from './as-caller.ts';
import { idIn } from './body.ts';
import { operation } from './operation.ts';
import { strangerRule, strangerRulePage } from './schemas/stranger-rules.ts';
import type { Served } from './services.ts';

const several = <T extends z.ZodType>(item: T) =>
  listOf(item).min(1, 'give one at least, or null for all').nullable().optional();
const whole = (min: number, max: number) => {
  const error = `give a whole number from ${min} to ${max}`;
  return z.int(error).min(min, error).max(max, error);
};

const fields = z.strictObject({
  name,
  severity: z.enum(['info', 'warning', 'critical']).optional(),
  cameras: several(searchWord).meta({ description: 'Names or ids. Null: all of the site.' }),
  known_on: several(searchWord).meta({
    description: 'Names or ids of lists: whoever matches on one of them is known. Null: on any list.',
  }),
  days: weekdays.nullable().optional().meta({ description: '1 is Monday. Null: every day.' }),
  hours: z
    .strictObject({ from: clock, until: clock })
    .refine(({ from, until }) => from !== until, 'give two different times, or null for all day')
    .nullable()
    .optional()
    .meta({
      description: 'By the clock of the time zone; 22:00 until 06:00 is over midnight. Null: all day.',
    }),
  time_zone: timeZone.optional(),
  min_looks: whole(1, 1000).optional(),
  min_quality: z.number().min(0).max(100).optional().meta({
    description: 'Of the best face: 2.3 is the poorest that is compared, 3 and more a good view.',
  }),
  wait_seconds: z
    .number()
    .min(0, 'give 0 to 600 seconds')
    .max(600, 'give 0 to 600 seconds')
    .optional()
    .meta({ description: 'How long a track is followed before it is judged.' }),
  visits: whole(2, 1000).nullable().optional().meta({
    description: 'Only strangers who have come at least this many times. Null: everybody unknown.',
  }),
  within_seconds: interval(1).optional(),
  enabled: z.boolean().optional(),
});
const newRule = fields.extend({ site: searchWord.optional() });
const changes = fields.partial();
const page = z.strictObject({ after: searchWord.optional(), limit: pageLimit });

const ruleErrors = [
  'name_taken',
  'camera_unknown',
  'watchlist_unknown',
  'time_zone_unknown',
  'interval_invalid',
] as const;

/** POST and GET /v1/stranger-rules; GET, PATCH and DELETE /v1/stranger-rules/{id}. */
export const strangerRules = () =>
  new Hono<Served>()
    .post(
      '/',
      operation({
        summary: 'Add a rule about people who are on no list',
        description: 'An alert when somebody unknown is seen, or with `visits` when a stranger returns.',
        scope: 'administer',
        body: newRule,
        creates: true,
        answers: { 201: strangerRule },
        errors: ['site_unknown', ...ruleErrors],
      }),
      async (c) => {
        const wanted = c.req.valid('json');
        const rule = await asCaller(c, (trx) => addStrangerRule(trx, wanted));
        c.header('Location', `/v1/stranger-rules/${rule.id}`);
        return c.json(rule, 201);
      },
    )
    .get(
      '/',
      operation({
        summary: 'List rules about people who are on no list, by name',
        scope: 'read',
        query: page,
        answers: { 200: strangerRulePage },
      }),
      async (c) => {
        const wanted = c.req.valid('query');
        const rules = await readStrangerRules(c.get('db'), wanted);
        return c.json({ rules, next: nextOf(rules, wanted.limit, (rule) => rule.name) });
      },
    )
    .get(
      '/:id',
      operation({
        summary: 'A rule about people who are on no list',
        scope: 'read',
        answers: { 200: strangerRule },
        errors: ['stranger_rule_unknown'],
      }),
      async (c) => c.json(await readStrangerRule(c.get('db'), idIn(c))),
    )
    .patch(
      '/:id',
      operation({
        summary: 'Change a rule about people who are on no list',
        scope: 'administer',
        body: changes,
        answers: { 200: strangerRule },
        errors: ['stranger_rule_unknown', ...ruleErrors],
      }),
      async (c) => {
        const id = idIn(c);
        const wanted = c.req.valid('json');
        return c.json(await asCaller(c, (trx) => setStrangerRule(trx, id, wanted)));
      },
    )
    .delete(
      '/:id',
      operation({
        summary: 'Remove a rule about people who are on no list, with its alerts',
        scope: 'administer',
        answers: { 204: null },
        errors: ['stranger_rule_unknown'],
      }),
      async (c) => {
        const id = idIn(c);
        await asCaller(c, (trx) => removeStrangerRule(trx, id));
        return c.body(null, 204);
      },
    );
