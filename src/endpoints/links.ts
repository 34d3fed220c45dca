import { createHmac, timingSafeEqual } from 'node:crypto';
import { type Kysely, sql } from 'kysely';
import type { DB } from '../database/types.generated.ts';
import { WatchpostError } from '../errors.ts';

/**
 * Links in messages, by which an alert is seen without a key. A link is 36 bytes in base64url: the alert's id, the second in
 * which it expires, and 16 bytes of the HMAC-SHA-256 of both.
 */

/** How long a link is valid: as long as somebody may be away. */
const validSeconds = 7 * 86_400;

const macBytes = 16;

/** A link to an alert, without the address before it: links/…. */
export const signLink = async (db: Kysely<DB>, alertId: string, now = Date.now()): Promise<string> => {
  const signed = Buffer.alloc(20);
  Buffer.from(alertId.replaceAll('-', ''), 'hex').copy(signed);
  signed.writeUInt32BE(Math.floor(now / 1000) + validSeconds, 16);
  return `links/${Buffer.concat([signed, macOf(await readKey(db), signed)]).toString('base64url')}`;
};

/**
 * The alert that a link leads to.
 *
 * @param token what comes after links/.
 * @throws {WatchpostError} link_invalid, link_expired.
 */
export const openLink = async (db: Kysely<DB>, token: string, now = Date.now()): Promise<string> => {
  const bytes = Buffer.from(token, 'base64url');
  const signed = bytes.subarray(0, 20);
  const isForm = bytes.length === 20 + macBytes && bytes.toString('base64url') === token;
  if (!isForm || !timingSafeEqual(bytes.subarray(20), macOf(await readKey(db), signed)))
    throw new WatchpostError('link_invalid', 'This link leads nowhere.');
  if (signed.readUInt32BE(16) * 1000 <= now)
    throw new WatchpostError('link_expired', 'This link has expired. The console shows the alert.');
  const id = signed.subarray(0, 16).toString('hex');
  return id.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
};

const macOf = (key: Buffer, signed: Buffer): Buffer =>
  createHmac('sha256', key).update('watchpost link').update(signed).digest().subarray(0, macBytes);

const readKey = async (db: Kysely<DB>): Promise<Buffer> => {
  const { rows } = await sql<{ key: Buffer }>`select k.key from watchpost.link_key as k`.execute(db);
  return (rows[0] as { key: Buffer }).key;
};
