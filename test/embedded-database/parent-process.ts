/** Starts an embedded database and prints its pid: node parent-process.ts DATADIR */

import { startEmbedded } from '../../src/embedded-database/index.ts';

const database = await startEmbedded({ dataDir: process.argv[2]!, brief: true });
console.log(`serves as ${database.pid()}`);
