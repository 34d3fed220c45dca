import { Ago } from '../../components/ago.tsx';
import { Badge } from '../../components/badge.tsx';
import type { CameraRow } from './types.ts';

const count = (number: number): string => number.toLocaleString('en');

/** How the source of a camera is watched, and what came of its frames. */
export const Watch = ({ camera: { source, watch } }: { camera: CameraRow }) => {
  if (source === null) return <span class="faint">none: it sends</span>;
  if (!watch || watch.state === 'unwatched')
    return (
      <span class="watch">
        <Badge tone="critical">not watched</Badge>
        <span class="faint">
          Start a worker: <code>npm run worker -- --watch</code>
        </span>
      </span>
    );
  return (
    <span class="watch">
      {watch.state === 'watching' && (
        <Badge tone="good">
          watched
          {watch.connected_at && (
            <>
              , since <Ago time={watch.connected_at} />
            </>
          )}
        </Badge>
      )}
      {watch.state === 'connecting' && <Badge tone="warning">connecting</Badge>}
      {watch.state === 'ended' && <Badge>at its end</Badge>}
      {watch.problem !== null && <span class="field-error">{watch.problem}</span>}
      <span class="faint number">
        {count(watch.read)} frames read, {count(watch.submitted)} submitted, {count(watch.dropped)} dropped;{' '}
        {count(watch.still_last_minute)} still in the last minute; {count(watch.reconnects)} reconnects
        {watch.worker && <> · worker {watch.worker.slice(0, 8)}</>}
      </span>
    </span>
  );
};
