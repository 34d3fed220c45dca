import type { Log } from '../log.ts';
import type { AnyStage, Tools } from '../stages/stage.ts';
import type { InHand } from './in-hand.ts';

/** What everything that one worker handles has in common. */
export interface Run {
  readonly tools: Tools;
  readonly workerId: string;
  readonly stages: readonly AnyStage[];
  readonly inHand: InHand;
  readonly stopping: () => boolean;
  readonly nudge: () => void;
  readonly log: Log;
}
