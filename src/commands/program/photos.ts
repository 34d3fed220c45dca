import type { Command } from 'commander';
import { connect } from '../connect.ts';
import { submit } from '../submit.ts';
import { once, stopper } from './context.ts';
import { time } from './options.ts';

/** submit: photos in. */
export const addPhotos = (program: Command): void => {
  program
    .command('submit')
    .description('Submit photos')
    .argument('<photo...>', 'JPEG, PNG or WebP files')
    .option('--camera <name>', 'the camera that took them')
    .option('--captured-at <time>', 'when they were taken, like 2026-11-23T15:04:05Z (default: now)', time)
    .option('--wait', 'wait for the end and tell what was found')
    .option('--json', 'print JSON lines')
    .action(
      once(
        async (
          { config, log },
          photos: string[],
          options: { camera?: string; capturedAt?: string; wait?: boolean; json?: boolean },
        ) => submit(await connect(config, log, stopper), photos, { ...options, maxPixels: config.maxPixels }),
      ),
    );
};
