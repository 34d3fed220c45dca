import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import yauzl, { type Entry, type ZipFile } from 'yauzl';
import yazl from 'yazl';

/** Files by their names in a zip. */
export type Files = ReadonlyMap<string, Buffer>;

/** A zip that cannot be read; the message says why. */
export class ZipError extends Error {
  override readonly name = 'ZipError';
}

/** Bytes of all files of a zip that is read: a frame has up to 100 MB. */
const mostBytes = 512 * 1024 * 1024;

/** Files of a zip that is read. */
const mostFiles = 1000;

/** Packs files, in their order. What is compressed already is stored as it is. */
export const packZip = async (files: Files, at: Date): Promise<Buffer> => {
  const zip = new yazl.ZipFile();
  for (const [name, bytes] of files)
    zip.addBuffer(bytes, name, { mtime: at, mode: 0o100644, compress: /\.(json|html)$/.test(name) });
  zip.end();
  return buffer(zip.outputStream);
};

/**
 * Unpacks a zip.
 *
 * @throws {ZipError} if it is none, is cut off, or holds too much, or a name twice.
 */
export const unpackZip = async (bytes: Buffer): Promise<Files> => {
  try {
    return await unpack(bytes);
  } catch (error) {
    if (error instanceof ZipError) throw error;
    throw new ZipError(`It is not a whole zip file: ${(error as Error).message}.`);
  }
};

const unpack = async (bytes: Buffer): Promise<Files> => {
  const fromBuffer = promisify<Buffer, yauzl.Options, ZipFile>(yauzl.fromBuffer);
  const zip = await fromBuffer(bytes, { lazyEntries: true });
  if (zip.entryCount > mostFiles) throw new ZipError(`It holds more than ${mostFiles} files.`);
  const files = new Map<string, Buffer>();
  let total = 0;
  for await (const entry of entriesOf(zip)) {
    total += entry.uncompressedSize;
    if (total > mostBytes) throw new ZipError('It holds more than 512 MB.');
    if (files.has(entry.fileName)) throw new ZipError(`It holds ${entry.fileName} twice.`);
    const open = promisify((given: Entry, done: Parameters<ZipFile['openReadStream']>[1]) =>
      zip.openReadStream(given, done as never),
    );
    files.set(entry.fileName, await buffer((await open(entry)) as unknown as NodeJS.ReadableStream));
  }
  return files;
};

/** The entries of a zip, each read when it is asked for. */
async function* entriesOf(zip: ZipFile): AsyncGenerator<Entry> {
  for (;;) {
    const entry = await new Promise<Entry | undefined>((resolve, reject) => {
      zip
        .once('entry', resolve)
        .once('end', () => resolve(undefined))
        .once('error', reject);
      zip.readEntry();
    });
    zip.removeAllListeners();
    if (!entry) return;
    yield entry;
  }
}
