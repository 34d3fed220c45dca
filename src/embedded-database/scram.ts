/**
 * The server's side of SCRAM-SHA-256 (RFC 5802, RFC 7677), as PostgreSQL speaks it: without channel binding, because the
 * connection is on this machine and not encrypted.
 */

import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto';

/** PostgreSQL's default. The password is random, so that more would protect nothing. */
const iterations = 4096;

const hmac = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
const sha256 = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest();

/** What a server knows of a password, made once. */
export class Verifier {
  readonly salt = randomBytes(16);
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;

  constructor(password: string) {
    const salted = pbkdf2Sync(password, this.salt, iterations, 32, 'sha256');
    this.storedKey = sha256(hmac(salted, 'Client Key'));
    this.serverKey = hmac(salted, 'Server Key');
  }
}

/** One attempt of a client to say the password. */
export class ScramExchange {
  readonly #verifier: Verifier;
  #nonce = '';
  #transcript = '';

  constructor(verifier: Verifier) {
    this.#verifier = verifier;
  }

  /**
   * Answers the client's first message.
   *
   * @returns undefined if it is none.
   */
  begin(text: string): string | undefined {
    const [, bare, nonce] = /^[ny],(?:a=[^,]*)?,(n=[^,]*,r=([^,]+)(?:,.*)?)$/.exec(text) ?? [];
    if (bare === undefined) return undefined;
    this.#nonce = `${nonce}${randomBytes(18).toString('base64')}`;
    const answer = `r=${this.#nonce},s=${this.#verifier.salt.toString('base64')},i=${iterations}`;
    this.#transcript = `${bare},${answer}`;
    return answer;
  }

  /**
   * Checks the client's last message.
   *
   * @returns the server's own proof; undefined if the client does not know the password.
   */
  finish(text: string): string | undefined {
    const [, unproven, nonce, proof] = /^(c=[^,]+,r=([^,]+)),p=([^,]+)$/.exec(text) ?? [];
    if (unproven === undefined || nonce !== this.#nonce) return undefined;
    const signed = `${this.#transcript},${unproven}`;
    const given = Buffer.from(proof as string, 'base64');
    const signature = hmac(this.#verifier.storedKey, signed);
    if (given.length !== signature.length) return undefined;
    const clientKey = Buffer.from(given.map((byte, at) => byte ^ (signature[at] as number)));
    if (!timingSafeEqual(sha256(clientKey), this.#verifier.storedKey)) return undefined;
    return `v=${hmac(this.#verifier.serverKey, signed).toString('base64')}`;
  }
}
