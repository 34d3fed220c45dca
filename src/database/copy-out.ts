import pg from 'pg';

/**
 * Reads large values in binary, by COPY. The result of a query would hold a bytea in hex or base64, copied four times
 * and read as UTF-8 by the driver: a photo of 200 KB took 3.6 ms of the server and 2.1 here, and takes 0.15 and 0.45 by
 * COPY. A COPY takes no parameters and is planned each time, so it pays off for large values only.
 *
 * @param select a SELECT with every value in it escaped.
 * @returns its rows, each field in its binary format; null for SQL NULL.
 */
export const copyOut = async (pool: pg.Pool, select: string): Promise<(Buffer | null)[][]> => {
  const client = await pool.connect();
  const copied = await copyBytes(client, select).catch((error) => {
    // The connection may be in the middle of an answer.
    client.release(true);
    throw error;
  });
  client.release();
  return rowsOf(copied);
};

/** All that a COPY of these rows sends, in its binary format: what copyIn() takes. */
export const copyBytes = async (client: pg.ClientBase, select: string): Promise<Buffer> => {
  const pieces: Buffer[] = [];
  await new Promise<void>((resolve, reject) => {
    const query = new pg.Query(`copy (${select}) to stdout (format binary)`, (error?: Error | null) =>
      error ? reject(error) : resolve(),
    );
    // A copy, because the driver moves what follows to the beginning of its buffer, over what it has passed before.
    const handleCopyData = ({ chunk }: { chunk: Buffer }) => void pieces.push(Buffer.from(chunk));
    client.query(Object.assign(query, { handleCopyData }));
  });
  return Buffer.concat(pieces);
};

/** A signature of 11 bytes and flags of 4, before the length of what else the header has. */
const headerLength = 15;

/** Rows are a count of fields, each with its length before it; -1 is no field, and no row. */
const rowsOf = (copied: Buffer): (Buffer | null)[][] => {
  const rows: (Buffer | null)[][] = [];
  let at = headerLength + 4 + copied.readInt32BE(headerLength);
  for (let fields = copied.readInt16BE(at); fields >= 0; fields = copied.readInt16BE(at)) {
    at += 2;
    const row: (Buffer | null)[] = [];
    for (let field = 0; field < fields; field++) {
      const length = copied.readInt32BE(at);
      at += 4;
      row.push(length < 0 ? null : copied.subarray(at, at + length));
      at += Math.max(0, length);
    }
    rows.push(row);
  }
  return rows;
};
