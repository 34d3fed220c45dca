import { clock } from './ago.tsx';

/** Where somebody stayed for a while. */
export interface Stay {
  readonly plan: { readonly id: string; readonly x: number; readonly y: number } | null;
  readonly camera: string | null;
  readonly location: string | null;
  readonly from: string;
  readonly to: string;
  readonly sightings: number;
}

/** A plan, with what its picture needs. */
export interface PlanPicture {
  readonly id: string;
  readonly name: string;
  readonly width: number;
  readonly height: number;
}

/** A path on a plan: its stays numbered in order of time, joined by lines. The same is in words beside it, by PathList. */
export const PlanPath = ({ plan, stays }: { plan: PlanPicture; stays: readonly Stay[] }) => {
  const { width, height } = plan;
  const unit = Math.max(width, height) / 1000;
  const points = stays.flatMap(({ plan: point }, index) =>
    point?.id === plan.id ? [{ number: index + 1, x: point.x * width, y: point.y * height }] : [],
  );
  // A place that somebody comes back to has one mark with all its numbers.
  const marks = Object.values(Object.groupBy(points, ({ x, y }) => `${x} ${y}`)) as (typeof points)[];
  return (
    <figure class="plan">
      <div class="frame">
        <img src={`/v1/plans/${plan.id}/image`} alt={`The plan ${plan.name}`} width={width} height={height} />
        <svg class="path" viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
          <polyline points={points.map(({ x, y }) => `${x},${y}`).join(' ')} stroke-width={5 * unit} />
          {marks.map((mark) => {
            const [first] = mark;
            if (!first) return null;
            const several = mark.length > 1;
            return (
              <g key={`${first.x} ${first.y}`} transform={`translate(${first.x} ${first.y})`}>
                <circle r={20 * unit} stroke-width={4 * unit} />
                <text
                  y={(several ? 6 : 9) * unit}
                  font-size={(several ? 17 : 24) * unit}
                  text-anchor="middle"
                >
                  {mark.length > 2 ? `${first.number}…` : mark.map(({ number }) => number).join(',')}
                </text>
              </g>
            );
          })}
        </svg>
      </div>
      <figcaption>{plan.name}</figcaption>
    </figure>
  );
};

/** A path in words: each stay with its place and its time, oldest first. */
export const PathList = ({ stays }: { stays: readonly Stay[] }) => (
  <ol class="path-list">
    {stays.map((stay, index) => (
      <li key={`${stay.from}${stay.camera}`}>
        <span class="path-number">{index + 1}</span>
        <span>
          <strong>{stay.location ?? stay.camera ?? 'an unknown place'}</strong>
          <span class="faint">
            {' '}
            {clock(stay.from)}
            {stay.to !== stay.from && ` to ${clock(stay.to)}`}
            {stay.sightings > 1 && `, ${stay.sightings} sightings`}
          </span>
        </span>
      </li>
    ))}
  </ol>
);
