import { alarms } from './alarms.ts';
import { alert } from './alert.ts';
import { backfill } from './backfill.ts';
import { deliver } from './deliver.ts';
import { describe } from './describe.ts';
import { detect } from './detect.ts';
import { embed } from './embed.ts';
import { enrol } from './enrol.ts';
import { heads } from './heads.ts';
import { home } from './home.ts';
import { match } from './match.ts';
import { notify } from './notify.ts';
import type { AnyStage } from './stage.ts';
import { states } from './states.ts';
import { summaries } from './summaries.ts';
import { track } from './track.ts';

/**
 * All stages, in the order in which an event reaches them. A stage consumes the rows of another one and writes rows
 * itself; it never calls another stage. Which event leads to which task is decided by the table
 * `subscription`, whose rows are listed in sql/2-broker/wiring.sql.
 */
export const stages: readonly AnyStage[] = [
  detect,
  embed,
  track,
  match,
  alert,
  notify,
  deliver,
  states,
  summaries,
  heads,
  home,
  alarms,
  enrol,
  backfill,
  describe,
];

/** The stage of a task; undefined if there is none. */
export const stageOf = (task: string): AnyStage | undefined => stages.find((stage) => stage.task === task);
