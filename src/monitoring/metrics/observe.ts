import type { Observed, Observer } from '../../observer.ts';
import type { Detected } from '../../stages/detect.ts';
import type { Searched } from '../../watchlist/decision.ts';
import type { processMetrics } from './catalogue.ts';

type Own = ReturnType<typeof processMetrics>;

/** Counts what the stages do in this process. */
export const observeBatches = (own: Own): Observer => ({
  async batch(task, _items, handle) {
    const end = own.stages.startTimer({ task });
    const handled = await handle();
    end();
    for (const one of handled) {
      if (one.outcome === 'done_before') continue;
      own.events.inc({ task, outcome: one.outcome });
      byTask[task]?.(own, one);
    }
    return handled;
  },
});

/** What is counted of an event beside its outcome. */
const byTask: Readonly<Record<string, (own: Own, one: Observed) => void>> = {
  detect(own, { outcome, result }) {
    if (outcome === 'retry') return;
    const found = result as Detected | undefined;
    own.images.inc({ outcome: found?.still ? 'still' : outcome });
    own.faces.inc(found?.faces.length ?? 0);
  },
  match(own, { outcome, result }) {
    if (outcome !== 'done') return;
    const { decision } = result as Searched;
    own.matches.inc(decision.matches.length);
    if (decision.nearest && measured.has(decision.outcome)) {
      own.similarity.observe({ outcome: decision.outcome }, decision.nearest.similarity);
    }
  },
  // Its events are alert.raised.
  notify(own, { outcome }) {
    if (outcome === 'done') own.alerts.inc();
  },
  deliver(own, { outcome, result }) {
    if (outcome === 'done') own.deliveries.inc({ outcome: String(result) });
    if (outcome === 'retry' || outcome === 'failed') own.deliveries.inc({ outcome: 'failed' });
  },
};

/** The decisions whose similarity says something: of others there is no nearest person, or one who was ruled out. */
const measured = new Set(['match', 'gated', 'below_threshold']);
