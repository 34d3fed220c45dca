import * as openid from 'openid-client';
import { type OidcSettings, readClientSecret } from '../oidc-settings.ts';
import { call, type Outgoing } from '../outgoing/index.ts';

/** What is kept between the two steps of a log-in, in a cookie of the browser that began it. */
export interface Begun {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
}

/** Somebody whom the provider has named. */
export interface Named {
  /** Their e-mail, or their id at the provider. */
  readonly subject: string;
  /** Name of the API key that their roles stand for; undefined: none of them does. */
  readonly key: string | undefined;
}

/** Bytes that an answer of the provider may have: its keys and claims are a few kilobytes. */
const mostBytes = 1024 * 1024;
const mostSeconds = 10;

/** Calls the provider through the one door by which other servers are called. */
const through =
  (outgoing: Outgoing): openid.CustomFetch =>
  async (url, { method, headers, body, signal }) => {
    const ends = AbortSignal.any([AbortSignal.timeout(mostSeconds * 1000), ...(signal ? [signal] : [])]);
    const answer = await call(url, outgoing, {
      method: method === 'POST' ? 'POST' : 'GET',
      headers,
      ...(body ? { body: String(body) } : {}),
      signal: ends,
    });
    const pieces: Buffer[] = [];
    let length = 0;
    for await (const piece of answer as AsyncIterable<Buffer>) {
      length += piece.length;
      if (length > mostBytes) throw new Error('The answer of the provider is too long.');
      pieces.push(piece);
    }
    const type = answer.headers['content-type'];
    return new Response(new Uint8Array(Buffer.concat(pieces)), {
      status: answer.statusCode ?? 502,
      headers: type ? { 'content-type': type } : {},
    });
  };

/** Log-in by OpenID Connect: authorization code with PKCE. What the provider answers is checked by openid-client. */
export class OpenId {
  readonly #settings: OidcSettings;
  readonly #outgoing: Outgoing;
  #found: Promise<openid.Configuration> | undefined;

  constructor(settings: OidcSettings, outgoing: Outgoing) {
    this.#settings = settings;
    this.#outgoing = outgoing;
  }

  /** Where the browser goes to log in, and what is kept for when it comes back to `back`. */
  async begin(back: string): Promise<{ to: URL; begun: Begun }> {
    const begun = {
      state: openid.randomState(),
      nonce: openid.randomNonce(),
      verifier: openid.randomPKCECodeVerifier(),
    };
    const to = openid.buildAuthorizationUrl(await this.#configuration(), {
      redirect_uri: back,
      scope: 'openid email profile',
      state: begun.state,
      nonce: begun.nonce,
      code_challenge: await openid.calculatePKCECodeChallenge(begun.verifier),
      code_challenge_method: 'S256',
    });
    return { to, begun };
  }

  /**
   * Finds out who came back.
   *
   * @param url the address that the browser was sent to, with the code.
   * @throws any error if the provider cannot be reached or says no, or the answer is not to what was begun.
   */
  async conclude(url: URL, { state, nonce, verifier }: Begun): Promise<Named> {
    const configuration = await this.#configuration();
    const tokens = await openid.authorizationCodeGrant(configuration, url, {
      expectedState: state,
      expectedNonce: nonce,
      pkceCodeVerifier: verifier,
      idTokenExpected: true,
    });
    const claims = tokens.claims() as openid.IDToken;
    const { rolesClaim, roles } = this.#settings;
    const all =
      valuesIn(claims, rolesClaim).length > 0 || !configuration.serverMetadata().userinfo_endpoint
        ? claims
        : { ...claims, ...(await openid.fetchUserInfo(configuration, tokens.access_token, claims.sub)) };
    const theirs = new Set(valuesIn(all, rolesClaim));
    const email = all.email_verified === false ? undefined : all.email;
    return {
      subject: typeof email === 'string' && email ? email : claims.sub,
      key: roles.find(({ value }) => theirs.has(value))?.key,
    };
  }

  /** The provider's own description, read once; tried again if it could not be read. */
  #configuration(): Promise<openid.Configuration> {
    this.#found ??= this.#discover().catch((error: unknown) => {
      this.#found = undefined;
      throw error;
    });
    return this.#found;
  }

  async #discover(): Promise<openid.Configuration> {
    const { issuer, clientId } = this.#settings;
    const secret = readClientSecret(this.#settings);
    const url = new URL(issuer);
    return openid.discovery(
      url,
      clientId,
      secret,
      secret === undefined ? openid.None() : openid.ClientSecretPost(secret),
      {
        [openid.customFetch]: through(this.#outgoing),
        timeout: mostSeconds,
        // Plain http is refused by `call`, but to networks that the settings name.
        ...(url.protocol === 'http:' ? { execute: [openid.allowInsecureRequests] } : {}),
      },
    );
  }
}

/** The values of a claim, which is a text or a list of texts. */
const valuesIn = (claims: object, path: string): string[] => {
  // A claim may have dots in its name, as those that are URLs.
  const found = path in claims ? claims[path as keyof typeof claims] : path.split('.').reduce(into, claims);
  return [found].flat().filter((value): value is string => typeof value === 'string');
};

const into = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
