import { Writable } from 'node:stream';
import { Hono } from 'hono';
import pino from 'pino';
import { describe, expect, it } from 'vitest';
import { type ProblemCode, problems, WatchpostError } from '../../src/errors.ts';
import { problemHandler } from '../../src/http/problem.ts';

/** The answer to a call whose handler throws this, and what was logged. */
const thrown = async (error: Error) => {
  const lines: string[] = [];
  const log = pino(
    new Writable({
      write(chunk, _, done) {
        lines.push(String(chunk));
        done();
      },
    }),
  );
  const app = new Hono().onError(problemHandler(log)).get('/broken', () => {
    throw error;
  });
  const response = await app.request('/broken');
  return { status: response.status, headers: response.headers, body: await response.text(), lines };
};

describe('an error', () => {
  it('that is unexpected is answered without its message, which is logged with the stack', async () => {
    const { status, body, lines } = await thrown(new Error('the cupboard is bare'));
    expect(status).toBe(500);
    expect(JSON.parse(body)).toMatchObject({ code: 'internal', instance: '/broken' });
    expect(body).not.toContain('cupboard');
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0]!)).toMatchObject({
      path: '/broken',
      code: 'internal',
      err: { message: 'the cupboard is bare', stack: expect.stringContaining('problem.test.ts') },
    });
  });

  it('of the caller is answered with its hint, and not logged', async () => {
    const error = new WatchpostError('camera_unknown', 'There is no camera x.', { hint: 'Cameras: gate.' });
    const { status, body, lines } = await thrown(error);
    expect(status).toBe(422);
    expect(JSON.parse(body)).toEqual({
      type: 'urn:watchpost:problem:camera-unknown',
      title: 'There is no such camera',
      status: 422,
      code: 'camera_unknown',
      detail: 'There is no camera x.',
      hint: 'Cameras: gate.',
      instance: '/broken',
    });
    expect(lines).toEqual([]);
  });

  it.each(Object.keys(problems) as ProblemCode[])('%s answers with the status of its table', async (code) => {
    const { status, headers } = await thrown(new WatchpostError(code, 'It is so.'));
    expect(status).toBe(problems[code].status);
    expect(headers.get('content-type')).toBe('application/problem+json');
    expect(headers.has('retry-after')).toBe(status === 503 || status === 429);
    expect(headers.has('www-authenticate')).toBe(status === 401);
  });
});
