import { crc32, deflateSync } from 'node:zlib';
import { type Kysely, sql } from 'kysely';
import { fromStored } from '../database/at-rest.ts';
import type { DB } from '../database/types.generated.ts';
import { WatchpostError } from '../errors.ts';
import type { Picture } from './kinds/kind.ts';

/** The crop of a face; undefined: it is gone, or cannot be read here, and a message goes without. */
export const readPicture = async (
  db: Kysely<DB>,
  faceId: string,
  url: string | undefined,
): Promise<Picture | undefined> => {
  const { rows } = await sql<{ crop: Buffer | null }>`
    select f.crop from watchpost.face as f where f.id = ${faceId}::uuid
  `.execute(db);
  const [row] = rows;
  if (!row?.crop) return undefined;
  try {
    const bytes = await fromStored(db, row.crop);
    return { bytes, type: bytes[0] === 0x89 ? 'image/png' : 'image/jpeg', url };
  } catch (error) {
    if (error instanceof WatchpostError) return undefined;
    throw error;
  }
};

/** A grey square in place of a crop, so that a test message shows whether pictures are taken too. */
export const testPicture = (): Picture => {
  const side = 112;
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  // 8 bits of grey.
  header[8] = 8;
  const row = Buffer.concat([Buffer.of(0), Buffer.alloc(side, 0x9a)]);
  const pixels = deflateSync(Buffer.concat(Array<Buffer>(side).fill(row)));
  const bytes = Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    ...chunk('IHDR', header),
    ...chunk('IDAT', pixels),
    ...chunk('IEND', Buffer.alloc(0)),
  ]);
  return { bytes, type: 'image/png', url: undefined };
};

const chunk = (name: string, data: Buffer): Buffer[] => {
  const body = Buffer.concat([Buffer.from(name, 'latin1'), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(body));
  return [length, body, sum];
};
