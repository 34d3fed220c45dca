import { Hono } from 'hono';
import { readPipeline } from '../monitoring/pipeline.ts';
import { operation } from './operation.ts';
import { pipelineReport } from './schemas/pipeline.ts';
import type { Served } from './services.ts';

/** GET /v1/pipeline: how each task stands, the workers, and what holds vacuum back. */
export const pipeline = () =>
  new Hono<Served>().get(
    '/',
    operation({
      summary: 'How the pipeline stands',
      description:
        'For each task the rate, what waits and for how long, durations, retries and dead letters; the processes with their heartbeats; what has kept vacuum from removing deleted rows for minutes. For keys that see all sites.',
      scope: 'read',
      answers: { 200: pipelineReport },
      errors: ['site_limited'],
    }),
    async (c) => c.json(await readPipeline(c.get('db'))),
  );
