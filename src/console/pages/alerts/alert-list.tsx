import type { Alert } from '../../api/live.ts';
import { Ago } from '../../components/ago.tsx';
import { newAlerts } from '../../components/alert-host.tsx';
import { FaceCrop } from '../../components/face-crop.tsx';
import { placeOf } from '../../components/place.ts';

/** Alerts as cards, the latest first; the chosen one is marked. */
export const AlertList = ({
  alerts,
  chosen,
  query,
}: {
  alerts: readonly Alert[];
  chosen: string | undefined;
  query: string;
}) => (
  <ol class="alert-list" aria-label="Alerts, latest first">
    {alerts.map((alert) => (
      <li key={alert.id}>
        <a
          class="alert-card"
          href={`/console/alerts/${alert.id}${query}`}
          data-id={alert.id}
          data-severity={alert.severity}
          data-new={newAlerts.value.has(alert.id) || undefined}
          style={alert.color ? { borderLeftColor: alert.color } : {}}
          aria-current={alert.id === chosen ? 'true' : undefined}
        >
          <FaceCrop faceId={alert.face_id} size={52} />
          <span class="alert-card-text">
            <strong>{alert.person}</strong>
            <span class="faint">
              {placeOf(alert)}
              {alert.sightings > 1 && ` · ${alert.sightings} sightings`}
            </span>
            <span class="faint small">
              {alert.watchlist} · <Ago time={alert.last_seen} />
              {alert.retroactive && ' · found in the past'}
            </span>
          </span>
          <span class="number alert-card-value">{alert.similarity.toFixed(2)}</span>
        </a>
      </li>
    ))}
  </ol>
);
