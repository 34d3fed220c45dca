import { processIo } from './commands/program/io.ts';
import { run } from './commands/program/run.ts';

process.exit(await run(process.argv.slice(2), processIo));
