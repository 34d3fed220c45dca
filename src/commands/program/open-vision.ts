import { visionOptions } from '../../config.ts';
import { type Detector, loadVision, openDetector, type Vision } from '../../vision/index.ts';
import type { Context } from './session.ts';

/**
 * Opens the models as the settings say, in this thread, until the command ends: for a command that uses them itself.
 *
 * @param options.installed with the installed detector also where WATCHPOST_YUNET names another one.
 */
export const openVision = async (
  { config, stopper }: Pick<Context, 'config' | 'stopper'>,
  options: { installed: boolean } = { installed: false },
): Promise<Vision> => {
  const settings = visionOptions(config);
  const vision = await loadVision(options.installed ? { ...settings, yunet: undefined } : settings);
  stopper.add(() => vision.close());
  return vision;
};

/** Opens the detector that the settings name, until the command ends. */
export const openConfiguredDetector = async ({
  config,
  stopper,
}: Pick<Context, 'config' | 'stopper'>): Promise<Detector> => {
  const detector = await openDetector(visionOptions(config));
  stopper.add(() => detector.close());
  return detector;
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
