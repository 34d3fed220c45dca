/** Makes an element. Names and notes from the database are set as text, never parsed as markup. */
const el = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.filter((child) => child !== undefined && child !== null));
  return element;
};

const time = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const clock = (moment) => el('time', { datetime: moment }, time.format(new Date(moment)));

const picture = (api, path, alt) => {
  const image = el('img', { alt });
  if (path) void api.picture(path).then((url) => url && image.setAttribute('src', url));
  return image;
};

const crop = (faceId) => (faceId ? `/v1/faces/${faceId}/crop` : undefined);
const place = (alert) => alert.location ?? alert.camera ?? 'an unknown place';

/** One alert in the list. */
export const card = (alert, api, current, choose) =>
  el(
    'li',
    {},
    el(
      'button',
      {
        type: 'button',
        class: 'card',
        'data-id': alert.id,
        'data-severity': alert.severity,
        'aria-current': String(current),
        onclick: () => choose(alert.id),
      },
      picture(api, crop(alert.face_id), ''),
      el('strong', {}, alert.person),
      el('span', {}, alert.similarity.toFixed(2)),
      el('span', { class: 'wide' }, place(alert)),
      el(
        'span',
        { class: 'wide' },
        clock(alert.last_seen),
        alert.sightings > 1 ? ` · seen ${alert.sightings} times` : '',
        alert.retroactive ? ' · found in the past' : '',
      ),
    ),
  );

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

/** The reviews that an alert in this state allows: label, key, verb of the API, body. */
const choices = {
  open: [
    ['Acknowledge', 'a', 'acknowledge'],
    ['Confirm: it is them', 'c', 'confirm'],
    ['Not them', 'n', 'dismiss', { dismissal: 'not_them' }],
    ['Dismiss', 'd', 'dismiss', { dismissal: 'resolved' }],
  ],
  acknowledged: [
    ['Confirm: it is them', 'c', 'confirm'],
    ['Not them', 'n', 'dismiss', { dismissal: 'not_them' }],
    ['Dismiss', 'd', 'dismiss', { dismissal: 'resolved' }],
  ],
  confirmed: [['Reopen', 'o', 'reopen']],
  dismissed: [['Reopen', 'o', 'reopen']],
};

const buttons = (alert, act) =>
  el(
    'div',
    { class: 'acts' },
    ...(choices[alert.state] ?? []).map(([label, key, verb, body]) =>
      el(
        'button',
        { type: 'button', 'data-key': key, onclick: () => act(verb, body) },
        label,
        el('kbd', {}, key.toUpperCase()),
      ),
    ),
  );

/** The similarity of a match beside the threshold that applied. */
const scale = ({ similarity, threshold, severity }) => {
  const bar = el('i');
  bar.style.width = `${Math.max(0, Math.min(1, similarity)) * 100}%`;
  const mark = el('b', { title: `threshold ${threshold.toFixed(2)}` });
  mark.style.left = `${threshold * 100}%`;
  return el('div', { class: 'scale', 'data-severity': severity }, bar, mark);
};

const saidOf = (review) =>
  el(
    'li',
    {},
    clock(review.created_at),
    ` · ${review.reviewer}: ${review.decision}`,
    review.note ? ` · ${review.note}` : '',
  );

/** One alert: both faces side by side, their similarity, place and time, and the reviews it allows. */
export const detail = (alert, api, act) => {
  const best = alert.lineage.find((row) => row.best);
  const enrolled = best?.reference_face_id;
  const others = alert.matches.filter((match) => match.face_id !== alert.face_id && match.stands);
  return [
    el('h2', {}, alert.person),
    el('p', { class: 'sub' }, `${alert.watchlist} · ${alert.severity} · ${alert.state}`),
    el(
      'div',
      { class: 'pair' },
      el(
        'figure',
        {},
        picture(api, crop(alert.face_id), 'The face that was seen'),
        el('figcaption', {}, 'seen'),
      ),
      el('figure', {}, picture(api, crop(enrolled), 'The enrolled face'), el('figcaption', {}, 'enrolled')),
    ),
    scale(alert),
    el(
      'p',
      { class: 'sub' },
      `similarity ${alert.similarity.toFixed(3)}, threshold ${alert.threshold.toFixed(2)}`,
    ),
    facts([
      ['Where', place(alert)],
      ['Camera', alert.camera],
      ['First seen', clock(alert.first_seen)],
      ['Last seen', clock(alert.last_seen)],
      ['Sightings', String(alert.sightings)],
      ['Past', alert.retroactive ? 'found when the person was enrolled' : undefined],
      ['Photo', best?.image_damaged ? 'its file is damaged' : undefined],
      ['Enrolled photo', best?.reference_image_damaged ? 'its file is damaged' : undefined],
      ['Waits for', alert.awaiting],
      ['Withdrawn', alert.withdrawn_at ? clock(alert.withdrawn_at) : undefined],
    ]),
    buttons(alert, act),
    el('p', { class: 'wrong', role: 'alert' }),
    others.length > 0 ? el('h3', {}, 'All sightings') : undefined,
    el(
      'div',
      { class: 'strip' },
      ...others
        .slice(0, 60)
        .map((match) =>
          picture(api, crop(match.face_id), `seen with similarity ${match.similarity.toFixed(2)}`),
        ),
    ),
    alert.reviews?.length > 0 ? el('h3', {}, 'Reviews') : undefined,
    el('ul', { class: 'said' }, ...(alert.reviews ?? []).map(saidOf)),
  ].filter(Boolean);
};
