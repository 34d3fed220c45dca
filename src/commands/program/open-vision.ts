import { visionOptions } from '../../config.ts';
import { loadVision, type Vision } from '../../vision/index.ts';
import type { Context } from './session.ts';

/** Opens the models as the settings say, in this thread, until the command ends: for a command that uses them itself. */
export const openVision = async ({
  config,
  stopper,
}: Pick<Context, 'config' | 'stopper'>): Promise<Vision> => {
  const vision = await loadVision(visionOptions(config));
  stopper.add(() => vision.close());
  return vision;
};

/** The same in threads, as many as the worker of this process has use for. */
export const openVisionThreads = async ({
  config,
  stopper,
}: Pick<Context, 'config' | 'stopper'>): Promise<Vision> => {
  const { loadVisionThreads } = await import('../../vision/threads.ts');
  const vision = await loadVisionThreads({ calls: config.concurrency, ...visionOptions(config) });
  stopper.add(() => vision.close());
  return vision;
};
