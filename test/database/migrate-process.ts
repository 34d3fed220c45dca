/** Several migrations at once, each with connections of its own: node migrate-process.ts URL COUNT */

import { migrate } from '../../src/database/migrate.ts';
import { openDatabase } from '../../src/database/pool.ts';
import { openLog } from '../../src/log.ts';

const [, , url, count] = process.argv;
const log = openLog('silent');
const applied = await Promise.all(
  Array.from({ length: Number(count) }, async () => {
    const database = openDatabase(url as string, { log, max: 2 });
    const names = await migrate(database.pool, log);
    await database.close();
    return names;
  }),
);
process.stdout.write(JSON.stringify(applied));
