import { alert } from './alert.ts';
import { backfill } from './backfill.ts';
import { deliver, notify } from './deliver.ts';
import { describe } from './describe.ts';
import { detect } from './detect.ts';
import { embed } from './embed.ts';
import { enrol } from './enrol.ts';
import { match } from './match.ts';
import type { AnyStage } from './stage.ts';

/**
 * Every stage, in the order a photo meets them. Which events reach which stage is not told here but in the table
 * `subscription`; no stage knows another.
 */
export const stages: readonly AnyStage[] = [
  detect,
  embed,
  match,
  alert,
  enrol,
  backfill,
  notify,
  deliver,
  describe,
];

/** The stage that runs a task, if there is one. */
export const stageOf = (task: string): AnyStage | undefined => stages.find((stage) => stage.task === task);
