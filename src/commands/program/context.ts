import { type Config, readConfig } from '../../config.ts';
import { type Log, openLog } from '../../log.ts';
import { Stopper } from '../stop.ts';

/** What the commands of this process have started, to be stopped at its end. */
export const stopper = new Stopper();

/** Runs a command that ends by itself: with the settings read, a log open, and everything stopped afterwards. */
export const once =
  <Arguments extends unknown[]>(
    run: (context: { config: Config; log: Log }, ...args: Arguments) => Promise<boolean | undefined>,
  ) =>
  async (...args: Arguments): Promise<void> => {
    try {
      const config = readConfig();
      const good = await run(
        { config, log: openLog(config.logLevel === 'info' ? 'warn' : config.logLevel) },
        ...args,
      );
      process.exitCode = good === false ? 1 : 0;
    } finally {
      await stopper.stop();
    }
  };
