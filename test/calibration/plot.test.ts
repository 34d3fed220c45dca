import { describe, expect, it } from 'vitest';
import type { Calibration, CurvePoint, Recommendation } from '../../src/calibration/calibration.ts';
import { plot } from '../../src/calibration/plot.ts';

const calibration: Calibration = {
  id: '01a209ef-ddfe-7c41-b13a-e38f46231769',
  model_id: 'faceplugin-mobilefacenet-512-v2',
  source: 'wild and orl and photos',
  people: 52,
  photos: 519,
  probes: 519,
  strangers: 526,
  sampled: false,
  command: '',
  created_by: 'a test',
  created_at: new Date(0),
};
/** Strangers pass up to `passing`, known people are found up to `found`. */
const curve = (passing: number, found: number): CurvePoint[] =>
  Array.from({ length: 1001 }, (_, n) => {
    const threshold = n / 1000;
    const fpir = Math.max(0, 1 - threshold / passing);
    const hitRate = Math.max(0, Math.min(1, (found - threshold) * 4));
    return { threshold, false_positives: 0, hits: 0, wrong_names: 0, fpir, hit_rate: hitRate };
  });
const at = (points: readonly CurvePoint[], threshold: number): Recommendation => ({
  ...points[Math.round(threshold * 1000)]!,
  target_fpir: 0.003,
  fpir_at_most: 0.0113,
});

/** Where each text of the picture begins and ends, and its baseline; by a wide font, to be sure. */
const extents = (svg: string) => {
  const below = Number(/translate\(0 (\d+)\)/.exec(svg)?.[1]);
  const grouped = svg.indexOf('<g transform');
  const texts = svg.matchAll(
    /<text class="(\w+)" x="([\d.]+)" y="([\d.]+)"(?: text-anchor="(\w+)")?>([^<]*)<\/text>/g,
  );
  return [...texts].map((found) => {
    const [kind, x, y, anchor, words] = found.slice(1) as [
      string,
      string,
      string,
      string | undefined,
      string,
    ];
    const text = words.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
    // DejaVu Sans takes 0.61 em a letter on average, and 0.69 where it is bold.
    const letter = kind === 'head' ? 16 * 0.7 : kind === 'note' ? 12 * 0.7 : 12 * 0.64;
    const width = [...text].reduce((sum, one) => sum + (one > '\u024f' ? 12 : letter), 0);
    const begin = Number(x) - (anchor === 'end' ? width : anchor === 'middle' ? width / 2 : 0);
    return { text, begin, end: begin + width, y: Number(y) + (found.index > grouped ? below : 0) };
  });
};

describe('the picture of a curve', () => {
  const cases: [string, Partial<Calibration>, number | null][] = [
    ['of a few folders', {}, 0.45],
    ['with the mark at the left edge', {}, 0.1],
    ['with the mark at the right edge', {}, 0.93],
    ['without a mark', {}, null],
    [
      'of many folders and a long model id',
      {
        model_id: `somebody-s-embedder-${'x'.repeat(150)}`,
        source: Array.from({ length: 12 }, (_, n) => `cameras of the northern entrance ${n}`).join(' and '),
      },
      0.45,
    ],
    ['of a folder in another script', { source: '監視カメラ'.repeat(30) }, 0.45],
    ['of a name with <, > and &', { source: '<a> & <b>' }, 0.45],
    ['of nobody with two photos', { probes: 0 }, 0.45],
  ];
  it.each(cases)('%s has no text beyond its edges, and loses none', (_, differs, mark) => {
    const of = { ...calibration, ...differs };
    const points = curve(0.5, 0.95);
    const svg = plot(of, points, mark === null ? null : at(points, mark));
    const [, width, height] = /viewBox="0 0 (\d+) (\d+)"/.exec(svg)!.map(Number) as [number, number, number];
    const texts = extents(svg);
    expect(texts.length).toBe(svg.split('<text').length - 1);
    for (const { text, begin, end, y } of texts) {
      expect(begin, text).toBeGreaterThanOrEqual(0);
      expect(end, text).toBeLessThanOrEqual(width);
      expect(y, text).toBeLessThanOrEqual(height - 4);
    }
    const shown = texts
      .map(({ text }) => text)
      .join('')
      .replaceAll(' ', '');
    expect(shown).toContain(`${of.model_id};${of.source}`.replaceAll(' ', ''));
    expect(shown).toContain(`${of.strangers}unknownfacessearched`);
  });
});
