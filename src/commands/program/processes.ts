import type { Command } from 'commander';
import { readConfig } from '../../config.ts';
import { openLog } from '../../log.ts';
import { connect } from '../connect.ts';
import { once, stopper } from './context.ts';

/** up, work, migrate, demo, doctor: what runs, and whether it runs well. */
export const addProcesses = (program: Command): void => {
  program
    .command('up')
    .description('Start the database (unless DATABASE_URL is set), the API and a worker')
    .option('--no-worker', 'serve the API only; workers run elsewhere')
    .action(async (options: { worker: boolean }) => {
      const config = readConfig();
      const { up } = await import('../up.ts');
      await up(config, openLog(config.logLevel), stopper, options);
    });

  program
    .command('work')
    .description('Start one more worker against the same database')
    .action(async () => {
      const config = readConfig();
      const { work } = await import('../work.ts');
      await work(config, openLog(config.logLevel), stopper);
    });

  program
    .command('migrate')
    .description('Bring the database up to date')
    .action(
      once(async ({ config, log }) => {
        const database = await connect(config, log, stopper);
        const { migrate } = await import('../../database/migrate.ts');
        const applied = await migrate(database.pool, log);
        process.stdout.write(
          applied.length > 0 ? `applied: ${applied.join(', ')}\n` : 'the database is up to date\n',
        );
        return true;
      }),
    );

  program
    .command('demo')
    .description('See it work: enrol one woman, submit five group photos, find her in one')
    .option('--once', 'exit when it is done, instead of leaving the server up')
    .option(
      '--json',
      'print one JSON object and exit; not 0 unless exactly the one expected alert was raised',
    )
    .action(async (options: { once?: boolean; json?: boolean }) => {
      const config = readConfig();
      const log = openLog(config.logLevel === 'info' ? 'warn' : config.logLevel);
      const { demo } = await import('../demo.ts');
      await demo(config, log, stopper, options);
    });

  program
    .command('doctor')
    .description('Check the installation and say what to do about what is wrong')
    .action(
      once(async ({ config, log }) => {
        const { doctor } = await import('../doctor.ts');
        return doctor(config, log, stopper);
      }),
    );
};
