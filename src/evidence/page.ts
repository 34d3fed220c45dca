import { html, raw } from 'hono/html';
import type { Gathered, Picture } from './gather.ts';
import type { Manifest } from './manifest.ts';
import { style } from './style.ts';
import { utc } from './times.ts';

type Html = ReturnType<typeof html>;

/**
 * The page index.html of the evidence: everything in one file, without scripts, for a browser that is not connected.
 *
 * @param manifest the other files.
 */
export const pageOf = (gathered: Gathered, manifest: Manifest): string => {
  const { alert, best } = gathered;
  return String(html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>Evidence: ${alert.person}, ${utc(alert.last_seen)}</title>
<style>${raw(style)}</style>
</head>
<body>
<header>
<p class="kind">Evidence of an alert</p>
<h1>${alert.person}</h1>
<p>${alert.location ?? 'No camera'} · ${utc(alert.last_seen)} · list ${alert.watchlist} · <b class="${alert.severity}">${alert.severity}</b></p>
</header>
<main>
${pictures(gathered)}
<section>
<h2>The alert</h2>
${facts([
  [
    'State',
    `${alert.state}${alert.dismissal ? ` (${alert.dismissal})` : ''}${alert.withdrawn_at ? ', withdrawn' : ''}`,
  ],
  ['Sightings', `${alert.sightings}, from ${utc(alert.first_seen)} to ${utc(alert.last_seen)}`],
  [
    'Similarity',
    `${best.similarity.toFixed(3)} of the best, where ${best.threshold.toFixed(3)} makes a match`,
  ],
  ['Camera', [best.camera, best.location].filter(Boolean).join(', ') || 'none'],
  ['Photo', `taken ${utc(best.captured_at)}, received ${utc(best.received_at)} from ${best.submitted_by}`],
  ['Raised', `${utc(alert.created_at)}${alert.retroactive ? ', in the search of past faces' : ''}`],
  ['Alert', manifest.alert_id],
])}
<p class="caution">A match is computed and may be wrong. It is a reason to check, and no proof of who somebody is.</p>
</section>
<section>
<h2>What it rests on</h2>
${facts([
  [
    'Photo',
    `SHA-256 ${best.image_sha256}${best.image_damaged ? '; the file is damaged' : ''}${best.image_rotation ? `; its file is shown turned clockwise by ${best.image_rotation} degrees` : ''}`,
  ],
  [
    'Enrolled photo',
    best.reference_image_sha256 ? `SHA-256 ${best.reference_image_sha256}` : 'removed since',
  ],
  [
    'Enrolled',
    best.enrolled_at ? `${utc(best.enrolled_at)} by ${best.enrolled_by ?? 'unknown'}` : 'removed since',
  ],
  ['Detector', best.detector_id],
  ['Embedder', best.model_id ? `${best.model_id}, SHA-256 ${best.model_sha256}` : 'removed since'],
])}
</section>
${sightingsOf(gathered)}
${reviewsOf(gathered)}
${timelineOf(gathered)}
${recordOf(manifest)}
</main>
</body>
</html>
`);
};

const dataUrl = ({ name, bytes }: Picture): string =>
  `data:image/${name.endsWith('.png') ? 'png' : 'jpeg'};base64,${bytes.toString('base64')}`;

const figure = (picture: Picture | undefined, caption: string, missing: string): Html => html`<figure>
${picture ? html`<img src="${dataUrl(picture)}" alt="${caption}">` : html`<p class="missing">${missing}</p>`}
<figcaption>${caption}</figcaption>
</figure>`;

const pictures = ({
  marked,
  frame,
  enrolled,
  sightings,
  best,
}: Gathered): Html => html`<section class="pictures">
${figure(marked, 'The photo, with the face that was matched', frame ? 'The photo cannot be shown here; its file is beside this page.' : 'The photo was dropped; its hash remains.')}
<div class="faces">
${figure(sightings.find(({ match_id }) => match_id === best.match_id)?.crop, 'Seen', 'The face was deleted.')}
${figure(enrolled, 'Enrolled', 'The enrolled face was removed.')}
</div>
</section>`;

const facts = (rows: readonly (readonly [string, string])[]): Html =>
  html`<dl>${rows.map(([term, fact]) => html`<div><dt>${term}</dt><dd>${fact}</dd></div>`)}</dl>`;

const table = (
  columns: readonly string[],
  rows: readonly (readonly (string | Html)[])[],
): Html => html`<div class="wide"><table>
<thead><tr>${columns.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
<tbody>${rows.map((row) => html`<tr>${row.map((cell) => html`<td>${cell}</td>`)}</tr>`)}</tbody>
</table></div>`;

const sightingsOf = ({ alert, sightings }: Gathered): Html => html`<section>
<h2>Sightings</h2>
${sightings.length < (alert.sightings ?? 0) ? html`<p>The best and the latest ${sightings.length - 1} of ${alert.sightings}.</p>` : ''}
${table(
  ['Seen', 'Faces', 'Camera', 'Similarity', 'Face'],
  sightings.map((one) => [
    one.faces > 1 ? `${utc(one.seen_at)} to ${utc(one.seen_until)}` : utc(one.captured_at),
    String(one.faces),
    [one.camera, one.location].filter(Boolean).join(', '),
    `${one.similarity.toFixed(3)}${one.best ? ' (best)' : ''}`,
    one.crop ? html`<img class="small" src="${dataUrl(one.crop)}" alt="">` : 'deleted',
  ]),
)}
</section>`;

const reviewsOf = ({ reviews }: Gathered): Html => html`<section>
<h2>Reviews</h2>
${
  reviews.length === 0
    ? html`<p>Nobody has reviewed it.</p>`
    : table(
        ['When', 'Who', 'Decision', 'Note'],
        reviews.map((one) => [
          utc(one.created_at),
          one.reviewer,
          `${one.decision}${one.dismissal ? ` (${one.dismissal})` : ''}`,
          one.note ? html`<span class="note">${one.note}</span>` : '',
        ]),
      )
}
</section>`;

const timelineOf = ({ timeline, best }: Gathered): Html => html`<section>
<h2>How the photo was processed</h2>
${table(
  ['When', 'Event', 'Task', 'Outcome', 'ms'],
  timeline
    .filter(({ image_id }) => image_id === best.image_id)
    .map((step) => [
      utc(step.at),
      step.topic,
      step.task ?? '',
      step.outcome ?? '',
      step.duration_ms === null ? '' : step.duration_ms.toFixed(1),
    ]),
)}
</section>`;

const recordOf = ({ files, events, made_at, watchpost }: Manifest): Html => html`<section>
<h2>The record</h2>
<p>The record of Watchpost is a chain of hashes, to which whatever happens is added. <code>proof.json</code> holds the
${events.length} events of this alert as they were hashed, the seals that cover them, and the chain from there on;
<code>manifest.json</code> lists the files with their hashes, and its own hash is part of the record too.</p>
<pre>watchpost verify --evidence FILE.zip                 # against the database
watchpost verify --evidence FILE.zip --head KEPT     # without it, against a head that was kept</pre>
${table(
  ['File', 'Bytes', 'SHA-256'],
  files.map(({ name, bytes, sha256 }) => [name, String(bytes), html`<code>${sha256}</code>`]),
)}
<p>Made ${made_at} by Watchpost ${watchpost}.</p>
</section>`;
