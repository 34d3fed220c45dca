import { bestOf, clock, cropOf, el, enrolledFaceOf, kbd, picture, placeOf } from './elements.js';
import { inWords, reviewsOf } from './reviews.js';

/** What the card of an alert in the list shows. */
export const cardContent = (alert, api) => [
  picture(api, cropOf(alert.face_id), ''),
  el('strong', {}, alert.person),
  el('span', {}, alert.similarity.toFixed(2)),
  el('span', { class: 'wide' }, placeOf(alert)),
  el(
    'span',
    { class: 'wide' },
    clock(alert.last_seen),
    alert.sightings > 1 ? ` · seen ${alert.sightings} times` : '',
    alert.retroactive ? ' · found in the past' : '',
  ),
];

/** Shown in place of an empty list. */
export const nothing = (state) =>
  el('li', { class: 'none' }, state === 'open' ? 'Nothing waits for you.' : `No alert is ${state}.`);

const facts = (pairs) =>
  el(
    'dl',
    {},
    ...pairs
      .filter(([, value]) => value !== undefined && value !== null && value !== '')
      .flatMap(([name, value]) => [el('dt', {}, name), el('dd', {}, value)]),
  );

const buttons = (alert, act) =>
  el(
    'div',
    { class: 'acts', role: 'group', 'aria-label': 'Review' },
    ...reviewsOf(alert).map((review) =>
      el(
        'button',
        { type: 'button', 'data-key': review.key, onclick: () => act(review) },
        review.label,
        kbd(review.key),
      ),
    ),
  );

/** The similarity of a match beside the threshold that applied. */
const scale = ({ similarity, threshold, severity }) => {
  const bar = el('i');
  bar.style.width = `${Math.max(0, Math.min(1, similarity)) * 100}%`;
  const mark = el('b', { title: `threshold ${threshold.toFixed(2)}` });
  mark.style.left = `${threshold * 100}%`;
  return el('div', { class: 'scale', 'data-severity': severity, 'aria-hidden': 'true' }, bar, mark);
};

const reviewLine = (review, undone) =>
  el(
    'li',
    { class: undone && 'undone' },
    clock(review.created_at),
    ` · ${review.reviewer}: `,
    el(undone ? 's' : 'span', {}, inWords(review)),
    undone ? ' (undone)' : '',
    review.note ? ` · ${review.note}` : '',
  );

const reviewList = (reviews) => {
  const undone = new Set(reviews.map((review) => review.undoes));
  return el('ul', { class: 'said' }, ...reviews.map((review) => reviewLine(review, undone.has(review.id))));
};

/** Where a sighting was, if that is another place than the alert's: its camera may have been moved since. */
const elsewhere = (alert, match) => (match && placeOf(match) !== placeOf(alert) ? placeOf(match) : undefined);

const bestPlace = (alert) =>
  elsewhere(
    alert,
    alert.matches.find((match) => match.face_id === alert.face_id),
  );

const pair = (alert, api) =>
  el(
    'div',
    { class: 'pair' },
    el(
      'figure',
      {},
      picture(api, cropOf(alert.face_id), 'The face that was seen'),
      el('figcaption', {}, bestPlace(alert) ? `seen at ${bestPlace(alert)}` : 'seen'),
    ),
    el(
      'figure',
      {},
      picture(api, cropOf(enrolledFaceOf(alert)), 'The enrolled face'),
      el('figcaption', {}, 'enrolled'),
    ),
  );

/** A sighting with its time, and what is not as usual. */
const sighting = (alert, match, api) => {
  const damaged = alert.lineage.some((row) => row.match_id === match.id && row.image_damaged);
  const notes = [elsewhere(alert, match), damaged && 'damaged file'];
  return el(
    'figure',
    {},
    picture(api, cropOf(match.face_id), `seen with similarity ${match.similarity.toFixed(2)}`),
    el(
      'figcaption',
      {},
      clock(match.captured_at),
      ...notes.filter(Boolean).map((note) => el('span', {}, note)),
    ),
  );
};

const sightings = (alert, api) => {
  const others = alert.matches.filter((match) => match.face_id !== alert.face_id && match.stands);
  if (others.length === 0) return [];
  return [
    el('h3', {}, 'Other sightings'),
    el('div', { class: 'strip' }, ...others.slice(0, 60).map((match) => sighting(alert, match, api))),
  ];
};

/** One alert: both faces side by side, their similarity, the reviews it allows, place and time, and past reviews. */
export const detail = (alert, api, { act, back }) => [
  el('button', { type: 'button', class: 'back', onclick: back }, '‹ All alerts'),
  el('h2', { tabindex: '-1' }, alert.person),
  el(
    'p',
    { class: 'sub' },
    `${alert.watchlist} · ${alert.severity} · ${alert.state}${alert.withdrawn_at ? ', withdrawn' : ''}`,
  ),
  pair(alert, api),
  scale(alert),
  el(
    'p',
    { class: 'sub' },
    `similarity ${alert.similarity.toFixed(3)}, threshold ${alert.threshold.toFixed(2)}`,
  ),
  buttons(alert, act),
  facts([
    ['Where', placeOf(alert)],
    ['Camera', alert.camera],
    ['First seen', clock(alert.first_seen)],
    ['Last seen', clock(alert.last_seen)],
    ['Sightings', String(alert.sightings)],
    ['Past', alert.retroactive ? 'found when the person was enrolled' : undefined],
    ['Photo', bestOf(alert)?.image_damaged ? 'its file is damaged' : undefined],
    ['Enrolled photo', bestOf(alert)?.reference_image_damaged ? 'its file is damaged' : undefined],
    ['Waits for', alert.awaiting],
    ['Withdrawn', alert.withdrawn_at ? clock(alert.withdrawn_at) : undefined],
  ]),
  ...sightings(alert, api),
  ...(alert.reviews.length > 0 ? [el('h3', {}, 'Reviews'), reviewList(alert.reviews)] : []),
];
