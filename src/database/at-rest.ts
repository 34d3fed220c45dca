import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes } from 'node:crypto';
import { type Kysely, sql } from 'kysely';
import { WatchpostError } from '../errors.ts';
import type { DB } from './types.generated.ts';

/**
 * Photos and crops at rest: the one door through which their bytes go into the database and come out. They are encrypted
 * with AES-256-GCM by the data key of their site, which is a row of data_key, wrapped by the key of the settings. Off
 * without such a key.
 *
 * An encrypted value begins with what sql/1-base/at-rest.sql reads, and what the tag protects too:
 *
 *   0   5 bytes   00 'WPE1', with which no photo begins
 *   5   16        the id of the data key
 *   21  8         length of the photo
 *   29  32        SHA-256 of the photo
 *   61  12        nonce
 *   73            the encrypted photo, and 16 bytes of the tag
 */
const magic = Buffer.from('\0WPE1', 'latin1');
const headerBytes = 73;
const nonceBytes = 12;
const tagBytes = 16;

/** How long a process uses a data key before it asks the database again whether it was destroyed. */
const keptForMs = 5_000;

interface DataKey {
  readonly id: string;
  readonly key: Buffer;
  readonly readAt: number;
}

let wrappingKey: Buffer | undefined;
const keysById = new Map<string, DataKey>();
/** By database and site. */
let currentKeys = new WeakMap<object, Map<string, DataKey>>();

/** Sets the key that wraps the data keys, for this process; undefined: nothing is encrypted from now on. */
export const useEncryptionKey = (key: Buffer | undefined): void => {
  wrappingKey = key;
  forgetDataKeys();
};

/** Asks the database again at the next use, after keys were made or destroyed. */
export const forgetDataKeys = (): void => {
  keysById.clear();
  currentKeys = new WeakMap();
};

/** Whether photos are encrypted by this process. */
export const isEncrypting = (): boolean => wrappingKey !== undefined;

/** A name of the wrapping key that does not give it away; undefined: there is none. */
export const fingerprintOf = (key: Buffer | undefined = wrappingKey): string | undefined =>
  key && createHmac('sha256', key).update('watchpost wrapping key').digest('hex').slice(0, 16);

/** Whether these bytes are encrypted. */
export const isEncrypted = (stored: Uint8Array): boolean =>
  stored.length >= headerBytes + tagBytes && magic.equals(stored.subarray(0, magic.length));

/** Says of which site a photo is or will be; undefined: of none, because what it belongs to does not exist. */
type FindSite = () => string | undefined | Promise<string | undefined>;

/**
 * Bytes as they are to be stored: encrypted, unless encryption is off, they are already, or there is no site.
 *
 * @param findSite asked only where encryption is on.
 */
export const toStored = async (db: Kysely<DB>, bytes: Uint8Array, findSite: FindSite): Promise<Buffer> => {
  const plain = Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!wrappingKey || isEncrypted(plain)) return plain;
  const site = await findSite();
  if (site === undefined) return plain;
  const { id, key } = await currentKey(db, site);
  const header = Buffer.alloc(headerBytes);
  magic.copy(header);
  Buffer.from(id.replaceAll('-', ''), 'hex').copy(header, 5);
  header.writeBigUInt64BE(BigInt(plain.length), 21);
  createHash('sha256').update(plain).digest().copy(header, 29);
  randomBytes(nonceBytes).copy(header, 61);
  const cipher = createCipheriv('aes-256-gcm', key, header.subarray(61));
  cipher.setAAD(header);
  return Buffer.concat([header, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
};

/**
 * Bytes as they were before they were stored.
 *
 * @throws {WatchpostError} encryption_key_missing, encryption_key_destroyed; stored_bytes_altered if they are not what was
 *   encrypted.
 */
export const fromStored = async (db: Kysely<DB>, stored: Buffer): Promise<Buffer> => {
  if (!isEncrypted(stored)) return stored;
  const key = await keyOf(db, idIn(stored));
  const header = stored.subarray(0, headerBytes);
  const decipher = createDecipheriv('aes-256-gcm', key, header.subarray(61));
  decipher.setAAD(header);
  decipher.setAuthTag(stored.subarray(-tagBytes));
  try {
    return Buffer.concat([decipher.update(stored.subarray(headerBytes, -tagBytes)), decipher.final()]);
  } catch (error) {
    throw new WatchpostError('stored_bytes_altered', 'The stored bytes are not what was encrypted.', {
      cause: error,
    });
  }
};

/** The site of a person, for a photo that enrols them. */
export const siteOfPerson =
  (db: Kysely<DB>, personId: string): FindSite =>
  async () => {
    const { rows } = await sql<{ site_id: string }>`
      select p.site_id from watchpost.person as p where p.id = ${personId}::uuid
    `.execute(db);
    return rows[0]?.site_id;
  };

/**
 * The site of a photo that is submitted, by the name or id of its camera.
 *
 * @throws database errors: camera_unknown.
 */
export const siteOfCamera =
  (db: Kysely<DB>, camera: string | undefined): FindSite =>
  async () => {
    const { rows } = await sql<{ id: string | null }>`
      select watchpost.site_of_photo(${camera ?? null}) as id
    `.execute(db);
    return rows[0]?.id ?? undefined;
  };

const idIn = (stored: Buffer): string =>
  stored
    .subarray(5, 21)
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');

const isFresh = ({ readAt }: DataKey): boolean => performance.now() - readAt < keptForMs;

const keyOf = async (db: Kysely<DB>, id: string): Promise<Buffer> => {
  const kept = keysById.get(id);
  if (kept && isFresh(kept)) return kept.key;
  keysById.delete(id);
  const { rows } = await sql<WrappedKey>`
    select k.id, k.wrapped, k.wrapped_by from watchpost.find_data_key(${id}::uuid) as k
  `.execute(db);
  return unwrap(rows[0], id).key;
};

/** The data key by which new photos of a site are encrypted; made at the first use. */
const currentKey = async (db: Kysely<DB>, site: string): Promise<DataKey> => {
  const keysOfSites = currentKeys.get(db) ?? new Map<string, DataKey>();
  const kept = keysOfSites.get(site);
  if (kept && isFresh(kept)) return kept;
  const made = wrap(wrappingKey as Buffer, randomBytes(32));
  const { rows } = await sql<WrappedKey>`
    select id, wrapped, wrapped_by from watchpost.provide_data_key(${site}::uuid, ${made}, ${fingerprintOf()})
  `.execute(db);
  const found = unwrap(rows[0], '');
  currentKeys.set(db, keysOfSites.set(site, found));
  return found;
};

interface WrappedKey {
  readonly id: string;
  readonly wrapped: Buffer | null;
  readonly wrapped_by: string;
}

const unwrap = (row: WrappedKey | undefined, id: string): DataKey => {
  if (!row?.wrapped) {
    throw new WatchpostError(
      'encryption_key_destroyed',
      `The key ${row?.id ?? id} was destroyed, so what was encrypted with it cannot be read any more.`,
    );
  }
  if (!wrappingKey || fingerprintOf() !== row.wrapped_by) {
    throw new WatchpostError(
      'encryption_key_missing',
      wrappingKey
        ? `Stored photos are encrypted by the key ${row.wrapped_by}, and this process has the key ${fingerprintOf()}.`
        : `Stored photos are encrypted by the key ${row.wrapped_by}, and this process has none.`,
      { hint: 'Set WATCHPOST_ENCRYPTION_KEY_FILE to the file of that key: docs/encryption.md.' },
    );
  }
  const opened = { id: row.id, key: openWrapped(wrappingKey, row.wrapped), readAt: performance.now() };
  keysById.set(row.id, opened);
  return opened;
};

/** A key, encrypted by another: nonce, key, tag. */
export const wrap = (by: Buffer, key: Buffer): Buffer => {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', by, nonce);
  return Buffer.concat([nonce, cipher.update(key), cipher.final(), cipher.getAuthTag()]);
};

/** The key that was wrapped. Throws if it was by another key. */
export const openWrapped = (by: Buffer, wrapped: Buffer): Buffer => {
  const decipher = createDecipheriv('aes-256-gcm', by, wrapped.subarray(0, nonceBytes));
  decipher.setAuthTag(wrapped.subarray(-tagBytes));
  return Buffer.concat([decipher.update(wrapped.subarray(nonceBytes, -tagBytes)), decipher.final()]);
};

/**
 * Whether this process can read what is stored, before it takes a photo.
 *
 * @throws {WatchpostError} encryption_key_missing.
 */
export const assertReadable = async (db: Kysely<DB>): Promise<void> => {
  const { rows } = await sql<WrappedKey>`
    select k.id, k.wrapped, k.wrapped_by from watchpost.data_key as k where k.destroyed_at is null
  `.execute(db);
  for (const row of rows) unwrap(row, row.id);
};
