import type { Calibration, CurvePoint, Recommendation } from './calibration.ts';

const width = 760;
const left = 64;
const right = 736;
/** Assumed width of a letter, in ems: at least the average of the widest font that may be used (DejaVu Sans). */
const letter = 0.66;
const hitPanel = { top: 76, bottom: 236 };
const fpirPanel = { top: 284, bottom: 484 };

/**
 * A curve as a picture: hit rate above, false-positive rate below on a logarithmic scale, both over the threshold, with
 * the recommended threshold marked.
 *
 * @param points by rising threshold.
 * @returns an SVG document.
 */
export const plot = (
  calibration: Calibration,
  points: readonly CurvePoint[],
  recommended: Recommendation | null,
): string => {
  const [from, to] = rangeOf(points);
  // A threshold of single precision may differ a little from its decimal value.
  const shown = points.filter(({ threshold }) => threshold > from - 1e-6 && threshold < to + 1e-6);
  const x = (threshold: number) => left + ((threshold - from) / (to - from)) * (right - left);
  // The rate of half a stranger stands for 0, which has no place on a logarithmic axis.
  const floor = 10 ** Math.floor(Math.log10(0.5 / calibration.strangers));
  const lowest = Math.max(0, Math.floor(Math.min(...shown.map((point) => point.hit_rate ?? 1)) * 10) / 10);
  const hitY = (rate: number) => scale(rate, lowest, 1, hitPanel);
  const fpirY = (rate: number) => scale(Math.log10(Math.max(rate, floor)), Math.log10(floor), 0, fpirPanel);

  const grid = gridOf([from, to], x, [lowest, hitY], [floor, fpirY]);
  const curves = [
    calibration.probes > 0
      ? `<path class="hit" d="${path(shown, (point) => [x(point.threshold), hitY(point.hit_rate ?? 0)])}"/>`
      : `<text class="tick" x="${left + 12}" y="${hitPanel.top + 24}">Nobody has two photos, so there were no known faces to find.</text>`,
    `<path class="fpir" d="${path(shown, (point) => [x(point.threshold), fpirY(point.fpir)])}"/>`,
  ];
  const about = wrapped(
    `${calibration.model_id}; ${calibration.source}; ${calibration.people} people, ${calibration.probes} known and ${calibration.strangers} unknown faces searched`,
    (right - left) / (12 * letter),
  );
  const below = 16 * (about.length - 1);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${540 + below}" font-family="ui-sans-serif, system-ui, 'Segoe UI', Helvetica, Arial, sans-serif">
  <title>Hit rate and false-positive rate by threshold</title>
  ${style}
  <rect width="${width}" height="${540 + below}" fill="#ffffff"/>
  <text class="head" x="${left}" y="28">What a threshold lets through, and what it finds</text>
  ${about.map((text, n) => `<text class="sub" x="${left}" y="${47 + 16 * n}">${escaped(text)}</text>`).join('\n  ')}
  <g transform="translate(0 ${below})">
  <text class="sub" x="${left}" y="${hitPanel.top - 8}">Hit rate: known people named right</text>
  <text class="sub" x="${left}" y="${fpirPanel.top - 8}">False-positive rate: strangers taken for somebody (logarithmic)</text>
  ${grid.join('\n  ')}
  ${curves.join('\n  ')}
  ${recommended ? mark(recommended, x, hitY, fpirY) : ''}
  <text class="sub" x="${(left + right) / 2}" y="${fpirPanel.bottom + 40}" text-anchor="middle">threshold (least similarity for a match)</text>
  </g>
</svg>
`;
};

const style = `<style>
    .head { font-weight: 700; font-size: 16px; fill: #0f172a; }
    .sub, .tick { font-size: 12px; fill: #475569; }
    .grid { stroke: #e2e8f0; fill: none; }
    .hit { stroke: #15803d; stroke-width: 2; fill: none; }
    .fpir { stroke: #b91c1c; stroke-width: 2; fill: none; }
    .mark { stroke: #1d4ed8; stroke-width: 1.5; stroke-dasharray: 5 4; fill: none; }
    .note { font-size: 12px; font-weight: 600; fill: #1d4ed8; }
  </style>`;

/** Lines and labels of both panels; each range with its scale. */
const gridOf = (
  [from, to]: readonly [number, number],
  x: (threshold: number) => number,
  [lowest, hitY]: readonly [number, (rate: number) => number],
  [floor, fpirY]: readonly [number, (rate: number) => number],
): string[] => {
  return [
    ...ticks(from, to).map(
      (
        t,
      ) => `<path class="grid" d="M${px(x(t))} ${hitPanel.top}V${hitPanel.bottom}M${px(x(t))} ${fpirPanel.top}V${fpirPanel.bottom}"/>
  <text class="tick" x="${px(x(t))}" y="${fpirPanel.bottom + 18}" text-anchor="middle">${label(t)}</text>`,
    ),
    ...steps(lowest, 1, lowest < 0.5 ? 0.2 : 0.1).map((rate) =>
      line(hitY(rate), `${Math.round(rate * 100)}%`),
    ),
    ...decades(floor).map((rate) => line(fpirY(rate), rate === floor ? '0' : `${label(rate * 100)}%`)),
  ];
};

/** Breaks text into lines of at most `most` letters; a longer word is cut. Letters beyond Latin count twice. */
const wrapped = (text: string, most: number): string[] => {
  const lines = [''];
  let room = most;
  const put = (part: string, size: number) => {
    if (size > room && lines.at(-1) !== '') {
      lines.push('');
      room = most;
    }
    const line = lines.at(-1) as string;
    lines[lines.length - 1] = line === '' ? part.trimStart() : line + part;
    room -= size;
  };
  for (const word of text.split(/(?= )/)) {
    const letters = [...word].map((one) => ({ one, size: one > '\u024f' ? 2 : 1 }));
    const size = letters.reduce((sum, { size }) => sum + size, 0);
    if (size <= most) put(word, size);
    else for (const { one, size } of letters) put(one, size);
  }
  return lines;
};

/** The thresholds shown: from 95% of the strangers taken for somebody to 5% of the people found. */
const rangeOf = (points: readonly CurvePoint[]): [number, number] => {
  const first = points.find((point) => point.fpir < 0.95)?.threshold ?? 0;
  const last =
    points.findLast((point) => (point.hit_rate ?? point.fpir) > 0.05 || point.fpir > 0)?.threshold ?? 1;
  const step = last - first > 0.3 ? 0.1 : 0.02;
  const from = Math.max(0, Math.floor(first / step) * step);
  return [from, Math.min(1, Math.max(from + step, Math.ceil(last / step) * step))];
};

const scale = (value: number, low: number, high: number, panel: { top: number; bottom: number }): number =>
  panel.bottom - ((value - low) / (high - low)) * (panel.bottom - panel.top);

const ticks = (from: number, to: number): number[] => steps(from, to, to - from > 0.3 ? 0.1 : 0.02);
const steps = (from: number, to: number, step: number): number[] =>
  Array.from({ length: Math.round((to - from) / step) + 1 }, (_, n) => from + n * step);
const decades = (floor: number): number[] =>
  Array.from({ length: Math.round(-Math.log10(floor)) + 1 }, (_, n) =>
    n === Math.round(-Math.log10(floor)) ? floor : 10 ** -n,
  );

const px = (value: number): string => value.toFixed(1);
const label = (value: number): string => String(Number(value.toPrecision(3)));
const line = (y: number, text: string): string =>
  `<path class="grid" d="M${left} ${px(y)}H${right}"/><text class="tick" x="${left - 8}" y="${px(y + 4)}" text-anchor="end">${text}</text>`;

/** Straight lines between the points, without those points at which nothing changes. */
const path = (points: readonly CurvePoint[], at: (point: CurvePoint) => [number, number]): string => {
  const corners = points.map(at);
  const kept = corners.filter(
    ([, y], index) =>
      y !== corners[index - 1]?.[1] || y !== corners[index + 1]?.[1] || index === corners.length - 1,
  );
  return kept.map(([x, y], index) => `${index === 0 ? 'M' : 'L'}${px(x)} ${px(y)}`).join('');
};

const mark = (
  point: Recommendation,
  x: (threshold: number) => number,
  hitY: (rate: number) => number,
  fpirY: (rate: number) => number,
): string => {
  const at = x(point.threshold);
  const aside = at > (left + right) / 2 ? { x: at - 8, anchor: 'end' } : { x: at + 8, anchor: 'start' };
  const text = (y: number, words: string) =>
    `<text class="note" x="${px(aside.x)}" y="${px(y)}" text-anchor="${aside.anchor}">${words}</text>`;
  return [
    `<path class="mark" d="M${px(at)} ${hitPanel.top}V${hitPanel.bottom}M${px(at)} ${fpirPanel.top}V${fpirPanel.bottom}M${left} ${px(fpirY(point.target_fpir))}H${right}"/>`,
    ...(point.hit_rate === null
      ? []
      : [
          `<circle cx="${px(at)}" cy="${px(hitY(point.hit_rate))}" r="4" fill="#15803d"/>`,
          text(hitPanel.bottom - 10, `${percent(point.hit_rate)} of known people found`),
        ]),
    `<circle cx="${px(at)}" cy="${px(fpirY(point.fpir))}" r="4" fill="#b91c1c"/>`,
    text(
      fpirPanel.top + 16,
      `threshold ${label(point.threshold)} for ${percent(point.target_fpir)} of strangers`,
    ),
    text(fpirPanel.top + 32, `measured ${percent(point.fpir)}, at most ${percent(point.fpir_at_most)} (95%)`),
  ].join('\n  ');
};

/** A rate in percent, with three significant digits. */
export const percent = (rate: number): string => `${label(rate * 100)}%`;

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
