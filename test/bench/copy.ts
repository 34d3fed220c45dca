import { once } from 'node:events';
import type pg from 'pg';

/** What `pg` gives to a query that takes part in the protocol itself, as far as COPY needs it. */
interface Connection {
  readonly stream: { readonly writableNeedDrain: boolean } & NodeJS.EventEmitter;
  query(text: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
  sync(): void;
}

/**
 * Fills a table of (n integer, vector halfvec) by COPY in its binary form; vectors n from 0.
 *
 * Two million vectors as text would be read for minutes.
 */
export const copyVectors = async (
  client: pg.Client,
  table: string,
  count: number,
  vector: (n: number) => Float64Array,
): Promise<void> => {
  const send = async (connection: Connection): Promise<void> => {
    connection.sendCopyFromChunk(Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1'));
    for (let first = 0; first < count; first += 500) {
      const rows = Array.from({ length: Math.min(500, count - first) }, (_, i) =>
        row(first + i, vector(first + i)),
      );
      connection.sendCopyFromChunk(Buffer.concat(rows));
      if (connection.stream.writableNeedDrain) await once(connection.stream, 'drain');
    }
    connection.sendCopyFromChunk(Buffer.from([0xff, 0xff]));
    connection.endCopyFrom();
  };
  await new Promise<void>((resolve, reject) => {
    const copy = {
      submit: (connection: Connection) => connection.query(`copy ${table} from stdin (format binary)`),
      handleCopyInResponse: (connection: Connection) => void send(connection).catch(reject),
      handleCommandComplete() {},
      handleReadyForQuery: () => resolve(),
      handleError: (error: Error) => reject(error),
    };
    client.query(copy as unknown as pg.Submittable);
  });
};

/** Two fields: the number, and the vector as pgvector's halfvec_recv() reads it. */
const row = (n: number, vector: Float64Array): Buffer => {
  const bytes = Buffer.alloc(18 + 2 * vector.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  view.setInt16(0, 2);
  view.setInt32(2, 4);
  view.setInt32(6, n);
  view.setInt32(10, 4 + 2 * vector.length);
  view.setInt16(14, vector.length);
  for (let i = 0; i < vector.length; i++) view.setFloat16(18 + 2 * i, vector[i]!);
  return bytes;
};
