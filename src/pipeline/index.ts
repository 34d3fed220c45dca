import { detect } from './1-detect.ts';
import { embed } from './2-embed.ts';
import { match } from './3-match.ts';
import { alert } from './4-alert.ts';
import { enrol } from './5-enrol.ts';
import { backfill } from './6-backfill.ts';
import { deliver, notify } from './7-deliver.ts';
import { describe } from './8-describe.ts';
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
