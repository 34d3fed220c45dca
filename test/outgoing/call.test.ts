import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { describe, expect, it } from 'vitest';
import { send } from '../../src/endpoints/kinds/index.ts';
import { messageOf } from '../../src/endpoints/message.ts';
import { call, type Outgoing, parseNetwork } from '../../src/outgoing/index.ts';
import { atEnd } from '../support/at-end.ts';
import { makeCertificate, trust } from '../support/certificates.ts';

const loopback = [parseNetwork('127.0.0.0/8')!];

const serve = async (server: Server): Promise<number> => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atEnd(() => server.close());
  return (server.address() as AddressInfo).port;
};

/** A server that notes what it is asked, and answers 200. */
const openServer = async (answer: RequestListener = (_, response) => response.end('secret')) => {
  const asked: { host: string | undefined; url: string | undefined; to: string | undefined }[] = [];
  const port = await serve(
    createServer((request, response) => {
      asked.push({ host: request.headers.host, url: request.url, to: request.socket.localAddress });
      answer(request, response);
    }),
  );
  return { port, asked };
};

const get = (url: string, outgoing: Outgoing) =>
  call(url, outgoing, { method: 'GET', signal: AbortSignal.timeout(10_000) });

/** A resolver that gives these answers, one after the other, and how often it was asked. */
const resolverOf = (...answers: string[][]) => {
  const state = {
    asked: 0,
    resolve: async () => {
      const answer = answers[Math.min(state.asked, answers.length - 1)]!;
      state.asked += 1;
      return answer;
    },
  };
  return state;
};

describe('a call', () => {
  it('goes to the address that was judged, by the name, with one question to the resolver', async () => {
    const { port, asked } = await openServer();
    // The second answer would be that of an attacker who has waited for the judgement.
    const resolver = resolverOf(['127.0.0.1'], ['127.0.0.2']);
    const response = await get(`http://guards.example:${port}/hook?site=1`, {
      networks: loopback,
      resolve: resolver.resolve,
    });
    expect(response.statusCode).toBe(200);
    response.destroy();
    expect(asked).toEqual([{ host: `guards.example:${port}`, url: '/hook?site=1', to: '127.0.0.1' }]);
    expect(resolver.asked).toBe(1);
  });

  it('is judged again each time: a name that leads into a private network is refused, and nothing is asked there', async () => {
    const { port, asked } = await openServer();
    const resolver = resolverOf(['127.0.0.1'], ['169.254.169.254'], ['10.0.0.1'], ['::ffff:10.0.0.1'], []);
    const outgoing = { networks: loopback, resolve: resolver.resolve };
    const url = `http://guards.example:${port}/`;
    (await get(url, outgoing)).destroy();
    for (const words of [/link-local/, /private network/, /written as IPv6/, /has no address/])
      await expect(get(url, outgoing)).rejects.toMatchObject({
        code: 'address_refused',
        message: expect.stringMatching(words),
      });
    await expect(get(`https://guards.example:${port}/`, { ...outgoing, networks: [] })).rejects.toMatchObject(
      {
        code: 'address_refused',
      },
    );
    expect(asked).toHaveLength(1);
  });

  it('leaves out those addresses of a name that may not be called', async () => {
    const { port, asked } = await openServer();
    const resolver = resolverOf(['10.0.0.1', '127.0.0.1']);
    const response = await get(`http://guards.example:${port}/`, {
      networks: loopback,
      resolve: resolver.resolve,
    });
    response.destroy();
    expect(asked).toMatchObject([{ to: '127.0.0.1' }]);
  });

  it('uses plain http within named networks only, whatever the name leads to', async () => {
    const resolver = resolverOf(['8.8.8.8']);
    await expect(
      get('http://guards.example/', { networks: loopback, resolve: resolver.resolve }),
    ).rejects.toMatchObject({ code: 'url_invalid' });
  });

  it('does not follow a redirect, neither to an address that is refused nor to another', async () => {
    const behind = await openServer();
    for (const location of [`http://127.0.0.1:${behind.port}/`, 'http://169.254.169.254/latest/meta-data/']) {
      const { port } = await openServer((_, response) => response.writeHead(302, { location }).end());
      const response = await get(`http://127.0.0.1:${port}/`, { networks: loopback });
      expect(response.statusCode).toBe(302);
      response.destroy();
    }
    expect(behind.asked).toEqual([]);
  });

  it('gives up while the resolver does not answer', async () => {
    const signal = AbortSignal.timeout(20);
    const never = () => new Promise<string[]>(() => {});
    await expect(
      call('https://guards.example/', { networks: [], resolve: never }, { method: 'GET', signal }),
    ).rejects.toThrow(/timeout/);
  });

  it('does not care for the proxies of the environment', async () => {
    const proxy = await openServer();
    const { port, asked } = await openServer();
    const before = { ...process.env };
    Object.assign(process.env, { http_proxy: `http://127.0.0.1:${proxy.port}`, NODE_USE_ENV_PROXY: '1' });
    try {
      (await get(`http://127.0.0.1:${port}/`, { networks: loopback })).destroy();
    } finally {
      process.env = before;
    }
    expect([asked.length, proxy.asked.length]).toEqual([1, 0]);
  });
});

describe('a call by https', () => {
  it('keeps the name for SNI and for the certificate, and refuses the certificate of another', async () => {
    const certificate = makeCertificate('DNS:guards.example');
    const { key, cert } = certificate;
    const names: string[] = [];
    const server = createTlsServer(
      { key, cert, SNICallback: (name, done) => done(null, void names.push(name) as undefined) },
      (_, response) => response.end('ok'),
    );
    const port = await serve(server);
    trust(certificate);
    const outgoing = { networks: loopback, resolve: resolverOf(['127.0.0.1']).resolve };
    const response = await get(`https://guards.example:${port}/`, outgoing);
    expect([response.statusCode, names]).toEqual([200, ['guards.example']]);
    response.destroy();
    await expect(get(`https://other.example:${port}/`, outgoing)).rejects.toMatchObject({
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
    await expect(get(`https://127.0.0.1:${port}/`, outgoing)).rejects.toMatchObject({
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
  });
});

describe('a message to an endpoint', () => {
  it('that the guard refuses fails with the reason and what to do, and without the URL', async () => {
    const extras = { link: undefined, picture: undefined };
    const usual = { title_template: null, text_template: null };
    const message = messageOf('msg_1', '{"type": "test", "data": {}}', usual, extras);
    const url = 'https://guards.example/secret-path';
    const receiver = { url, settings: {}, credential: undefined, secrets: [] };
    const answer = await send('webhook', message, receiver, {
      networks: [],
      resolve: resolverOf(['10.0.0.1']).resolve,
    });
    expect(answer).toEqual({
      status: null,
      error: expect.stringMatching(
        /^The URL leads to an address of a private network\. .*WATCHPOST_OUTGOING_ALLOW/,
      ),
      durationMs: expect.any(Number),
    });
    expect(answer.error).not.toMatch(/guards|secret-path|10\.0\.0\.1/);
  });
});
