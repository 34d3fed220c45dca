import type { AccessReport } from '../watchlist/registry.ts';

/** The access report of a person as a page. */

type Row = Readonly<Record<string, unknown>>;

const escaped = (value: unknown): string =>
  String(value)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');

const cell = (value: unknown): string => {
  if (value === null || value === undefined) return '';
  return escaped(typeof value === 'object' ? JSON.stringify(value) : value);
};

const tableOf = (rows: readonly Row[]): string => {
  const [first] = rows;
  if (!first) return '<p>none</p>';
  const names = Object.keys(first);
  const head = names.map((name) => `<th>${escaped(name.replaceAll('_', ' '))}</th>`).join('');
  const body = rows
    .map((row) => `<tr>${names.map((name) => `<td>${cell(row[name])}</td>`).join('')}</tr>`)
    .join('\n');
  return `<table><thead><tr>${head}</tr></thead><tbody>\n${body}\n</tbody></table>`;
};

const style = `body{font:15px/1.5 system-ui,sans-serif;margin:2rem;color:#1b1f24;background:#fff}h1{margin-bottom:0}
h2{margin:2rem 0 .5rem}table{border-collapse:collapse;font-size:13px}th,td{text-align:left;vertical-align:top;
padding:.25rem .6rem;border-bottom:1px solid #d8dee4;max-width:26rem;overflow-wrap:anywhere}figure{display:inline-block;
margin:0 1rem 1rem 0}figure img{height:112px}figcaption{font-size:12px;color:#57606a}`;

/** The report as one HTML file that loads nothing. */
export const reportPage = (report: AccessReport, crops: ReadonlyMap<string, string>, at: Date): string => {
  const { person, vectors } = report;
  const pictures = [...crops]
    .map(
      ([id, url]) => `<figure><img src="${url}" alt=""><figcaption>face ${escaped(id)}</figcaption></figure>`,
    )
    .join('\n');
  const section = (title: string, why: string, content: string) =>
    `<section><h2>${title}</h2><p>${why}</p>${content}</section>`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Access report: ${escaped(person.name)}</title>
<meta name="robots" content="noindex"><style>${style}</style></head><body>
<h1>${escaped(person.name)}</h1><p>Access report of ${at.toISOString()}</p>
${[
  section('Person', 'What is stored about them.', tableOf([person])),
  section('Retention', 'How long, and what for.', tableOf(report.retention ? [report.retention] : [])),
  section('Watchlists', 'The lists they are on.', tableOf(report.watchlists)),
  section('Merged', 'People whom somebody has said to be the same.', tableOf(report.merged)),
  section('Photos', 'The photos that were enrolled or handed in.', `${pictures}${tableOf(report.photos)}`),
  section(
    'Vectors',
    `${vectors.embeddings} vectors of their face, ${vectors.references} of them references, by the models ${escaped(vectors.models.join(', ') || 'none')}.`,
    '',
  ),
  section(
    'Sightings',
    'Photos in which they were found; superseded at: it was withdrawn.',
    tableOf(report.sightings),
  ),
  section('Alerts', 'What was reported about them, and what was decided.', tableOf(report.alerts)),
  section('Messages', 'What was sent to other systems.', tableOf(report.deliveries)),
  section('Not them', 'What somebody has said not to be them.', tableOf(report.not_them)),
  section('Searches', 'Every search in which they were the nearest person.', tableOf(report.searches)),
  section(
    'Who looked',
    'Photos and crops that were read, searches by photo, exports and reports.',
    tableOf(report.accesses),
  ),
  section('Events', 'The entries of the record that are about them.', tableOf(report.events)),
].join('\n')}
</body></html>
`;
};
