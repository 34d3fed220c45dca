import { Hono } from 'hono';
import { makeEvidence } from '../evidence/index.ts';
import { accessReason, reasonOf } from './access-reason.ts';
import { asCaller } from './as-caller.ts';
import { idIn } from './body.ts';
import { operation } from './operation.ts';
import type { Served } from './services.ts';

/** GET /v1/alerts/{id}/evidence: everything about an alert in a zip that can be checked without this system. */
export const evidence = () =>
  new Hono<Served>().get(
    '/:id/evidence',
    operation({
      summary: 'The evidence of an alert: photo, faces, lineage, reviews, and what proves them, as a zip',
      description:
        'That it was made is recorded and sealed. The header Watchpost-Head has the seal that proves all files: keep it apart from them. `watchpost verify --evidence` checks the file.',
      scope: 'read',
      headers: accessReason,
      answers: { 200: { type: 'application/zip' } },
      errors: ['alert_unknown', 'evidence_unsealed', 'text_too_long'],
    }),
    async (c) => {
      const id = idIn(c);
      const act = <T>(run: Parameters<typeof asCaller<T>>[1]) => asCaller(c, run);
      const asking = { db: c.get('db'), act, reason: reasonOf(c) };
      const { name, zip, head } = await makeEvidence(asking, id);
      return c.body(new Uint8Array(zip), 200, {
        'content-type': 'application/zip',
        'content-disposition': `attachment; filename="${name}"`,
        'cache-control': 'no-store',
        'watchpost-head': `${head.number} ${head.digest} ${head.sealed_at.toISOString()}`,
      });
    },
  );
