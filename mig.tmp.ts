import pg from '/tmp/wp/ship/node_modules/pg/lib/index.js';
import { migrate } from '/tmp/wp/ship/src/database/migrate.ts';

const u = process.env.DATABASE_URL!;
const a = new pg.Pool({ connectionString: u });
await a.query('drop database if exists mig_ship with (force)');
await a.query('create database mig_ship');
const p = new pg.Pool({ connectionString: u.replace(/\/postgres$/, '/mig_ship') });
try {
  const n = await migrate(p, new Proxy({}, { get: () => () => {} }) as any);
  console.log('applied', n.length);
} catch (e) {
  console.log('error:', String(e), (e as any).where, (e as any).position);
}
await p.end();
await a.end();
