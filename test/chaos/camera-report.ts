import type { Arrivals } from './arrivals.ts';
import type { CameraLists } from './camera-checks.ts';
import type { CameraFaults, Counts } from './camera-faults.ts';
import { countOf, type Finding } from './checker.ts';
import type { Fleet } from './fleet.ts';
import { print } from './progress.ts';
import type { Watch } from './watch.ts';

/** Seconds within which every fault must be recovered from. */
const recoverWithin = 60;

/** Reports what was wrong, and a summary. */
export const judgeCameras = (seen: {
  planned: Counts;
  faults: CameraFaults;
  watch: Watch;
  arrivals: Arrivals;
  fleets: readonly Fleet[];
  lists: CameraLists;
  findings: readonly Finding[];
  /** Messages left in the queue of photos. */
  unread: number;
  settled: number | undefined;
  begun: number;
}) => {
  const { planned, faults, watch, arrivals, fleets, lists, findings, unread, settled } = seen;
  const open = [...watch.open, ...arrivals.open];
  const [slowest] = [...watch.recoveries, ...arrivals.recoveries, ...open].sort(
    (a, b) => b.seconds - a.seconds,
  );
  const complaints = [
    ...findings.map(
      ({ kind, name, count, examples }) => `${kind}: not ${name} (${count}): ${examples.join('; ')}`,
    ),
    ...fleets.flatMap(({ deserters }) => deserters),
    ...open.map(({ fault, seconds }) => `not recovered from: ${fault}, after ${seconds} s`),
    ...(slowest && slowest.seconds > recoverWithin
      ? [`recovery took ${slowest.seconds} s: ${slowest.fault}`]
      : []),
    ...(settled === undefined ? ['not everything came to its end'] : []),
    ...(unread > 0 ? [`${unread} messages are left in the queue`] : []),
    ...Object.entries(planned)
      .filter(([kind, count]) => faults.counts[kind as keyof Counts] < count)
      .map(([kind, count]) => `${faults.counts[kind as keyof Counts]} of ${count} ${kind} were done`),
    ...(arrivals.watchers.size <= planned.watcher_kills / 2 ? ['the camera was hardly ever taken over'] : []),
  ];
  for (const complaint of complaints) print(`cameras: ${complaint}`);
  const ids = new Set(lists.delivered.map(({ id }) => id));
  return {
    acknowledged: arrivals.all.length,
    frames_given: lists.frames.length,
    files_taken: lists.taken.length,
    messages_confirmed: lists.messages.filter(({ confirmed }) => confirmed).length,
    events_out: ids.size,
    events_out_again: lists.delivered.length - ids.size,
    lost: countOf(findings, 'lost'),
    duplicated: countOf(findings, 'duplicated'),
    gaps: countOf(findings, 'gap'),
    wrong: countOf(findings, 'wrong'),
    left: countOf(findings, 'left') + unread,
    ...faults.counts,
    watchers: arrivals.watchers.size,
    recovery_s_max: Math.round((slowest?.seconds ?? 0) * 10) / 10,
    slowest_recovery: slowest?.fault,
    settled_s: settled ?? null,
    seconds: Math.round((Date.now() - seen.begun) / 1000),
    passed: complaints.length === 0,
  };
};
