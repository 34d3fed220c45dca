import { beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase } from '../support/database.ts';
import { realVision } from '../support/pipeline.ts';
import { fillSite, type MadeSite } from '../support/sites.ts';
import { type Api, admit, bearer, expectProblem, idleProcess, keyWith, listen } from './support.ts';

/** What keys of other sites are told by each route: other-site.test.ts. */

let api: Api;
let site: MadeSite;
/** A key that may do everything at the site north. */
let north: string;

beforeAll(async () => {
  const database = await freshDatabase();
  const vision = await realVision();
  api = await listen(database, vision, await idleProcess(database, vision, 'resting'));
  await admit(database, api);
  await fillSite(database, 'default', 0);
  site = await fillSite(database, 'north', 2);
  ({ key: north } = await keyWith(database, { scopes: ['administer'], sites: [site.siteId] }));
});

const asNorth = (method: string, path: string, body?: unknown) => api.call(method, path, body, bearer(north));

describe('a key of one site', () => {
  it.each(['/v1/alerts/stream', '/v1/events'])('hears nothing of it from the stream %s', async (path) => {
    const ended = new AbortController();
    const response = await fetch(new URL(path, api.url), {
      headers: { ...bearer(north), accept: 'text/event-stream', 'last-event-id': '1:1:' },
      signal: ended.signal,
    });
    let text = '';
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      text += Buffer.from(chunk).toString();
      if (text.includes('heartbeat')) break;
    }
    ended.abort();
    expect(text).toContain('list of north');
    expect(text).not.toContain('of default');
  });
});

describe('/v1/sites', () => {
  it('adds, lists, renames and removes sites', async () => {
    const made = await api.call('POST', '/v1/sites', { name: 'harbour' });
    expect(made).toMatchObject({
      status: 201,
      body: { name: 'harbour', cameras: 0, watchlists: 0, members: [] },
    });
    expect(made.headers.get('location')).toBe(`/v1/sites/${made.body.id}`);
    expectProblem(await api.call('POST', '/v1/sites', { name: 'harbour' }), 'name_taken');
    const camera = { name: 'gate of default', location: 'Quay', site: 'harbour' };
    const added = await api.call('POST', '/v1/cameras', camera);
    expect(added).toMatchObject({ status: 201, body: { site: 'harbour' } });
    expect(await api.call('POST', '/v1/watchlists', { name: 'list', site: made.body.id })).toMatchObject({
      status: 201,
      body: { site: 'harbour' },
    });
    expectProblem(await api.call('POST', '/v1/cameras', { ...camera, site: 'nowhere' }), 'site_unknown');
    expectProblem(await api.call('DELETE', `/v1/sites/${made.body.id}`), 'site_in_use');
    expect(await api.call('PATCH', `/v1/sites/${made.body.id}`, { name: 'port' })).toMatchObject({
      status: 200,
      body: { name: 'port', cameras: 1, watchlists: 1 },
    });
    const empty = await api.call('POST', '/v1/sites', { name: 'empty' });
    expect((await api.call('DELETE', `/v1/sites/${empty.body.id}`)).status).toBe(204);
    const { body } = await api.call('GET', '/v1/sites');
    expect(body.sites.map((site: { name: string }) => site.name)).toEqual(['default', 'north', 'port']);
  });

  it('shows a key its own, and lets it change none', async () => {
    const { body } = await asNorth('GET', '/v1/sites');
    expect(body.sites.map((site: { name: string }) => site.name)).toEqual(['north']);
    expectProblem(await asNorth('POST', '/v1/sites', { name: 'mine' }), 'right_missing');
    expectProblem(await asNorth('PATCH', `/v1/sites/${site.siteId}`, { name: 'mine' }), 'right_missing');
    expectProblem(await asNorth('DELETE', `/v1/sites/${site.siteId}`), 'right_missing');
  });
});
