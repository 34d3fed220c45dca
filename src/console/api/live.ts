import { effect, signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { resume, session } from './session.ts';

/** An alert as the stream and the lists have it. */
export interface Alert {
  readonly id: string;
  readonly person_id: string;
  readonly person: string;
  readonly watchlist: string;
  /** #rrggbb of the list; null: that of the severity. */
  readonly color: string | null;
  readonly sound: string;
  readonly must_acknowledge: boolean;
  /** info, warning or critical. */
  readonly severity: string;
  /** open, acknowledged, confirmed or dismissed. */
  readonly state: string;
  readonly awaiting: string | null;
  readonly similarity: number;
  readonly threshold: number;
  readonly camera: string | null;
  readonly location: string | null;
  readonly zone: string | null;
  readonly first_seen: string;
  readonly last_seen: string;
  readonly sightings: number;
  readonly image_id: string;
  readonly face_id: string;
  readonly retroactive: boolean;
  readonly withdrawn_at: string | null;
  readonly created_at: string;
}

/** Whether the stream of alerts is open; undefined before the first try. */
export const isLive = signal<boolean | undefined>(undefined);

const listeners = new Set<(alert: Alert) => void>();
const reconnected = new Set<() => void>();

/** Calls `onAlert` with each alert as it is raised while the page is shown. */
export const useAlerts = (onAlert: (alert: Alert) => void, onReconnect: () => void = () => {}): void => {
  useEffect(() => {
    listeners.add(onAlert);
    reconnected.add(onReconnect);
    return () => {
      listeners.delete(onAlert);
      reconnected.delete(onReconnect);
    };
  });
};

/** Follows the stream while somebody is logged in who may read. The browser resumes it where it was cut off. */
export const followAlerts = (): void => {
  effect(() => {
    if (!session.value?.scopes.some((scope) => scope === 'read' || scope === 'administer')) return;
    let wait: ReturnType<typeof setTimeout> | undefined;
    let source: EventSource;
    const open = () => {
      source = new EventSource('/v1/alerts/stream');
      source.onopen = () => {
        const wasCutOff = isLive.peek() === false;
        isLive.value = true;
        if (wasCutOff) for (const again of reconnected) again();
      };
      source.onerror = () => {
        isLive.value = false;
        // Closed: the answer was an error, after which a browser does not try again.
        if (source.readyState !== EventSource.CLOSED) return;
        wait = setTimeout(
          () =>
            void resume()
              .catch(() => {})
              .then(() => session.peek() && open()),
          3_000,
        );
      };
      for (const event of ['alert.raised', 'alert.retroactive'])
        source.addEventListener(event, ({ data }) => {
          for (const listener of listeners) listener(JSON.parse(data));
        });
    };
    open();
    return () => {
      clearTimeout(wait);
      source.close();
      isLive.value = undefined;
    };
  });
};
