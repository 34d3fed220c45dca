import type { Plan } from './types.ts';

/** How far an arrow key moves a mark: a fiftieth of the plan. */
const step = 0.02;

const within = (share: number) => Math.min(1, Math.max(0, Math.round(share * 1000) / 1000));

/**
 * A plan with cameras on it.
 *
 * @param onPlace is called with the point that was clicked, or to which arrow keys have moved the one mark.
 */
export const PlanPicture = ({
  plan,
  marks,
  onPlace,
}: {
  plan: Plan;
  marks: readonly { readonly name: string; readonly x: number; readonly y: number }[];
  onPlace?: (x: number, y: number) => void;
}) => {
  const unit = Math.max(plan.width, plan.height) / 1000;
  const [first] = marks;
  const moves: Record<string, readonly [number, number]> = {
    ArrowLeft: [-step, 0],
    ArrowRight: [step, 0],
    ArrowUp: [0, -step],
    ArrowDown: [0, step],
  };
  const picture = (
    <>
      <img
        src={`/v1/plans/${plan.id}/image`}
        alt={
          onPlace
            ? `Where the camera is on the plan ${plan.name}: click, or move it by arrow keys`
            : `The plan ${plan.name}`
        }
        width={plan.width}
        height={plan.height}
      />
      <svg class="path" viewBox={`0 0 ${plan.width} ${plan.height}`} aria-hidden="true">
        {marks.map(({ name, x, y }) => (
          <g key={name} class="plan-mark" transform={`translate(${x * plan.width} ${y * plan.height})`}>
            <circle r={13 * unit} stroke-width={4 * unit} />
            <text
              y={48 * unit}
              font-size={32 * unit}
              text-anchor={x < 0.15 ? 'start' : x > 0.85 ? 'end' : 'middle'}
              stroke-width={7 * unit}
            >
              {name}
            </text>
          </g>
        ))}
      </svg>
    </>
  );
  if (!onPlace) return <div class="frame">{picture}</div>;
  return (
    <button
      type="button"
      class="frame plan-place"
      onClick={(event) => {
        // By Enter or the space bar it is no point.
        if (event.detail === 0) return;
        const { left, top, width, height } = event.currentTarget.getBoundingClientRect();
        onPlace(within((event.clientX - left) / width), within((event.clientY - top) / height));
      }}
      onKeyDown={(event) => {
        const move = moves[event.key];
        if (!move || !first) return;
        event.preventDefault();
        onPlace(within(first.x + move[0]), within(first.y + move[1]));
      }}
    >
      {picture}
    </button>
  );
};
