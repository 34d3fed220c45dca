import { Hono } from 'hono';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type Scope, scopes } from '../../src/http/key.ts';
import { operation } from '../../src/http/operation.ts';
import { problemHandler } from '../../src/http/problem.ts';
import type { Served } from '../../src/http/services.ts';
import { openLog } from '../../src/log.ts';

/** A route for each scope, called with a key that has some of them. */
const call = (needed: Scope, had: readonly Scope[]) =>
  new Hono<Served>()
    .onError(problemHandler(openLog('silent')))
    .use(async (c, next) => {
      const all = { sites: null, cameras: null, watchlists: null };
      const unlimited = { ratePerMinute: null, maxStreams: null, maxBacklog: null };
      const isStillValid = async () => true;
      c.set('key', { id: '', name: 'gate', scopes: new Set(had), ...all, ...unlimited, isStillValid });
      return next();
    })
    .get('/', operation({ summary: 'A route', scope: needed, answers: { 200: z.string() } }), (c) =>
      c.json('done'),
    )
    .request('/');

describe('a key', () => {
  it('may call what needs a scope of its own, and nothing else', async () => {
    for (const needed of scopes) {
      for (const had of scopes) {
        const { status } = await call(needed, [had]);
        expect([needed, had, status]).toEqual([
          needed,
          had,
          had === needed || had === 'administer' ? 200 : 403,
        ]);
      }
    }
  });

  it('is told which scope it lacks and which it has', async () => {
    const answer = await call('enrol', ['submit', 'read']);
    expect(await answer.json()).toMatchObject({
      code: 'scope_missing',
      detail: 'The API key gate may not do this: it lacks the scope enrol.',
      hint: 'Its scopes: submit, read.',
    });
    expect(await (await call('read', [])).json()).toMatchObject({ hint: 'Its scopes: none.' });
  });
});
