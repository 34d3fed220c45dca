/** Starts an embedded database and sends its pid to the parent process: node parent-process.ts DATADIR */

import { startEmbedded } from '../../src/embedded-database/index.ts';

const database = await startEmbedded({ dataDir: process.argv[2]!, brief: true });
process.send!(database.pid());
