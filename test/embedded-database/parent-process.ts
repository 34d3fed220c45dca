/** A process with an embedded database, whose pid it tells its own parent: node parent-process.ts DATADIR */

import { startEmbedded } from '../../src/embedded-database/index.ts';

const database = await startEmbedded({ dataDir: process.argv[2]!, brief: true });
process.send!(database.pid());
