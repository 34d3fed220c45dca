import pg from 'pg';

/** The part of the driver's connection by which it sends the data of a COPY. */
interface Sender {
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
}

/**
 * Writes rows that copyBytes() has read. The embedded database takes none.
 *
 * @param target a table with its columns, as COPY names it.
 */
export const copyIn = (client: pg.ClientBase, target: string, rows: Buffer): Promise<void> =>
  new Promise((resolve, reject) => {
    const query = new pg.Query(`copy ${target} from stdin (format binary)`, (error?: Error | null) =>
      error ? reject(error) : resolve(),
    );
    const handleCopyInResponse = (sender: Sender) => {
      sender.sendCopyFromChunk(rows);
      sender.endCopyFrom();
    };
    client.query(Object.assign(query, { handleCopyInResponse }));
  });
