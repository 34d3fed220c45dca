import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider from 'oidc-provider';
import type { Browser } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseNetwork } from '../../src/outgoing/index.ts';
import { type Api, admit, ask, expectProblem, idleProcess, keyWith, listen } from '../http/support.ts';
import { raiseAlert } from '../support/alerts.ts';
import { atEnd } from '../support/at-end.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { realVision } from '../support/pipeline.ts';
import { browserPath, expectAccessible, needsBrowser, openBrowser, openPage } from './support.ts';

const roles: Record<string, string[]> = { ann: ['staff', 'guard'], bob: ['guard'], eve: ['cook'] };

/** A provider on a free port, whose users need no password. */
const startProvider = async () => {
  let answer: RequestListener = (_, response) => response.destroy();
  const server = createServer((request, response) => answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    issuer,
    /** @param callback the address of Watchpost that it leads back to. */
    serve: (callback: string) => {
      const provider = new Provider(issuer, {
        clients: [
          {
            client_id: 'watchpost',
            client_secret: 'a secret of this test',
            redirect_uris: [callback],
            token_endpoint_auth_method: 'client_secret_post',
          },
        ],
        cookies: { keys: ['of this test'] },
        claims: { email: ['email', 'email_verified'], profile: ['roles'] },
        findAccount: (_: unknown, id: string) => ({
          accountId: id,
          claims: () => ({
            sub: id,
            email: `${id}@example.com`,
            email_verified: id !== 'bob',
            roles: roles[id],
          }),
        }),
        loadExistingGrant: async (ctx: {
          oidc: { provider: Provider; client: { clientId: string }; session: { accountId: string } };
        }) => {
          const { provider: here, client, session } = ctx.oidc;
          const grant = new here.Grant({ clientId: client.clientId, accountId: session.accountId });
          grant.addOIDCScope('openid email profile');
          await grant.save();
          return grant;
        },
      });
      answer = provider.callback();
    },
  };
};

describe.skipIf(!browserPath)(`log-in by OpenID Connect${needsBrowser}`, () => {
  let database: TestDatabase;
  let api: Api;
  let browser: Browser;
  beforeAll(async () => {
    database = await freshDatabase();
    const vision = await realVision();
    const process = await idleProcess(database, vision, 'resting');
    const provider = await startProvider();
    api = await listen(database, vision, process, {
      outgoing: { networks: [parseNetwork('127.0.0.1')!] },
      oidc: {
        issuer: provider.issuer,
        clientId: 'watchpost',
        clientSecret: 'a secret of this test',
        clientSecretFile: undefined,
        rolesClaim: 'roles',
        roles: [{ value: 'guard', key: 'front desk' }],
      },
    });
    provider.serve(`${api.url}/session/oidc/callback`);
    await admit(database, api);
    await keyWith(database, { name: 'front desk', scopes: ['read', 'review'] });
    browser = await openBrowser();
  });

  const logInAs = async (name: string) => {
    const { page } = await openPage(browser);
    await page.goto(`${api.url}/console/`);
    await page.getByRole('link', { name: 'With your organisation' }).click();
    await page.locator('input[name=login]').fill(name);
    await page.locator('input[name=password]').fill('none');
    await page.locator('button[type=submit]').click();
    await page.waitForURL(`${api.url}/console/**`);
    return page;
  };

  it('lets somebody with a role in, as the key of the role may, and names them on the record', async () => {
    const { alertId } = await raiseAlert(database, { seen: ['2026-05-01T08:00:00Z'] });
    const page = await logInAs('ann');
    await page.getByRole('heading', { level: 1, name: 'Live' }).waitFor();
    const session = JSON.parse(
      await page.evaluate<string>(`fetch('/session').then((answer) => answer.text())`),
    );
    expect(session).toMatchObject({ name: 'front desk', actor: 'oidc:ann@example.com' });
    expect(session.scopes.toSorted()).toEqual(['read', 'review']);
    await page.goto(`${api.url}/console/alerts/${alertId}`);
    await page.getByRole('button', { name: /^Acknowledge( A)?$/ }).click();
    await page.getByText(/^Acknowledged: /).waitFor();
    const [review] = await database.rows('select reviewer from watchpost.alert_review');
    expect(review).toEqual({ reviewer: 'oidc:ann@example.com' });
  });

  it('names somebody whose e-mail is not verified by their id', async () => {
    const page = await logInAs('bob');
    await page.getByRole('heading', { level: 1, name: 'Live' }).waitFor();
    expect(
      await database.rows(`select 1 as found from watchpost.session where subject = 'bob'`),
    ).toHaveLength(1);
  });

  it('says so to somebody without a role, and opens no session', async () => {
    const page = await logInAs('eve');
    await page.getByText('nobody has said what you may do here').waitFor();
    await expectAccessible(page);
    expect(await database.rows(`select 1 from watchpost.session where subject like 'eve%'`)).toEqual([]);
  });

  it('refuses what it has not begun itself', async () => {
    const { page } = await openPage(browser);
    await page.goto(`${api.url}/session/oidc/callback?code=stolen&state=stolen`);
    await page.getByText('did not succeed').waitFor();
    const begun = Buffer.from(JSON.stringify({ state: 'a', nonce: 'b', verifier: 'c' })).toString(
      'base64url',
    );
    const answer = await fetch(`${api.url}/session/oidc/callback?code=stolen&state=another`, {
      headers: { cookie: `watchpost_oidc=${begun}` },
      redirect: 'manual',
    });
    expect([answer.status, answer.headers.get('location')]).toEqual([302, '/console/?refused=provider']);
    expect(answer.headers.get('set-cookie')).not.toContain('watchpost_session');
  });

  it('is not there where it is not set up', async () => {
    const vision = await realVision();
    const plain = await listen(database, vision, await idleProcess(database, vision, 'resting'));
    expect((await ask(`${plain.url}/session/ways`, 'GET')).body).toEqual({ key: true, oidc: false });
    expectProblem(await ask(`${plain.url}/session/oidc`, 'GET'), 'oidc_off');
  });
});
