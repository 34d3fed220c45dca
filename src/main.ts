import { processIo } from './commands/program/io.ts';
import { run } from './commands/program/run.ts';

const code = await run(process.argv.slice(2), processIo);
// What was written to a pipe may not have been read yet, and process.exit would discard it.
for (const stream of [process.stdout, process.stderr])
  await new Promise<void>((resolve) => stream.write('', () => resolve()));
process.exit(code);
