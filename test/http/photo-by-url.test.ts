import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { beforeAll, describe, expect, it } from 'vitest';
import { atEnd } from '../support/at-end.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { outgoing, realVision } from '../support/pipeline.ts';
import { type Api, admit, expectProblem, idleProcess, listen } from './support.ts';

/** A camera or another server, and what it was asked. */
const openServer = async (answer: RequestListener): Promise<{ url: string; asked: string[] }> => {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/snapshot.jpg`, asked };
};

describe('POST /v1/images with a URL', () => {
  let database: TestDatabase;
  /** One that fetches, one that fetches from public addresses only, and one that does not. */
  let [on, strict, off]: Api[] = [];

  beforeAll(async () => {
    database = await freshDatabase();
    const vision = await realVision();
    const process = await idleProcess(database, vision, 'resting');
    await database.rows(`insert into watchpost.camera (name, location) values ('gate', 'North gate')`);
    const open = async (config: object) => {
      const api = await listen(database, vision, process, config);
      await admit(database, api);
      return api;
    };
    on = await open({ ingestUrl: true, outgoing, fetchSeconds: 1, maxBodyBytes: 2 * 1024 * 1024 });
    strict = await open({ ingestUrl: true, outgoing: { networks: [] } });
    off = await open({ outgoing });
  });

  const submit = async (api: Api | undefined, fields: object) => {
    await admit(database, api as Api);
    return (api as Api).call('POST', '/v1/images', fields);
  };
  const photos = async () => (await database.rows('select count(*)::int as n from watchpost.image'))[0].n;

  it('fetches the photo and submits it with the other fields', async () => {
    const { url, asked } = await openServer((_, response) => response.end(sample(1)));
    const answer = await submit(on, { url, camera: 'gate', captured_at: '2026-11-23T15:04:05Z' });
    expect(answer.status).toBe(202);
    expect(asked).toEqual(['GET /snapshot.jpg']);
    const [stored] = await database.rows(
      `select i.bytes, c.name, i.captured_at from watchpost.image as i join watchpost.camera as c on c.id = i.camera_id where i.id = $1`,
      [answer.body.id],
    );
    expect(stored).toEqual({ bytes: sample(1), name: 'gate', captured_at: new Date('2026-11-23T15:04:05Z') });
  });

  it('is off unless it is switched on, and then asks nobody', async () => {
    const { url, asked } = await openServer((_, response) => response.end(sample(1)));
    expect(expectProblem(await submit(off, { url }), 'photo_url_off').hint).toMatch(
      /WATCHPOST_INGEST_URL=on/,
    );
    expect(asked).toEqual([]);
  });

  it.each([
    ['https://169.254.169.254/latest/meta-data/', 'address_refused'],
    ['https://2130706433/', 'address_refused'],
    ['https://localhost/', 'address_refused'],
    ['http://guards.example/', 'url_invalid'],
    ['https://guards.example:25/', 'url_invalid'],
    ['file:///etc/passwd', 'url_invalid'],
  ] as const)('does not fetch %s', async (url, code) => {
    const before = await photos();
    expectProblem(await submit(strict, { url }), code);
    expect(await photos()).toBe(before);
  });

  it.each<[string, RequestListener, Parameters<typeof expectProblem>[1], RegExp]>([
    [
      'a redirect',
      (_, to) => to.writeHead(302, { location: 'http://127.0.0.1:80/' }).end(),
      'photo_url_failed',
      /302/,
    ],
    ['a page that is not there', (_, to) => to.writeHead(404).end('secret'), 'photo_url_failed', /404/],
    ['no answer in time', () => {}, 'photo_url_failed', /within 1 s/],
    ['half an answer', (_, to) => void to.write('half'), 'photo_url_failed', /within 1 s/],
    ['a broken connection', (request) => request.socket.destroy(), 'photo_url_failed', /ECONNRESET/],
    ['an endless answer', (_, to) => pour(to), 'body_too_large', /2 MB/],
    ['nothing', (_, to) => to.end(), 'body_empty', /no photo/],
    ['a page', (_, to) => to.end('<html>'), 'image_format_unsupported', /./],
  ])('refuses %s, repeats nothing of it, and stores nothing', async (_, answer, code, words) => {
    const before = await photos();
    const { url } = await openServer(answer);
    const { detail } = expectProblem(await submit(on, { url }), code);
    expect(detail).toMatch(words);
    expect(detail).not.toMatch(/secret|html/);
    expect(await photos()).toBe(before);
  });

  it('takes a photo or a URL, not both, and a URL only here', async () => {
    const { url, asked } = await openServer((_, response) => response.end(sample(1)));
    const image = sample(1).toString('base64');
    expectProblem(await submit(on, { url, image }), 'body_invalid');
    const [ada] = await database.rows(`insert into watchpost.person (name) values ('Ada') returning id`);
    expectProblem(await (on as Api).call('POST', `/v1/persons/${ada.id}/photos`, { url }), 'body_invalid');
    expect(asked).toEqual([]);
  });
});

const pour = (response: Parameters<RequestListener>[1]): void => {
  const more = () => {
    while (response.write('x'.repeat(65_536)));
  };
  response.on('drain', more);
  more();
};
