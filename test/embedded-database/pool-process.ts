/** A process with a pool of five, for the test of two such: node pool-process.ts URL NUMBER */

import pg from 'pg';

const [, , url, number] = process.argv;
const pool = new pg.Pool({ connectionString: url, max: 5 });

async function work(worker: number): Promise<void> {
  for (let n = 0; n < 40; n++) {
    const client = await pool.connect();
    await client.query('BEGIN');
    const { rows } = await client.query({ name: 'read', text: 'SELECT n FROM total' });
    await client.query({
      name: 'tally',
      text: 'INSERT INTO tally VALUES ($1, $2, $3)',
      values: [number, worker, n],
    });
    await client.query({ name: 'write', text: 'UPDATE total SET n = $1', values: [rows[0].n + 1] });
    await client.query('COMMIT');
    client.release();
  }
}

await Promise.all([1, 2, 3, 4, 5].map(work));
await pool.end();
