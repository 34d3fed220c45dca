import { clock, cropOf, el, enrolledFaceOf, kbd, picture, placeOf } from './elements.js';

/**
 * Asks about a review: whom it is about, what follows, the reason if there are several, and a note. Enter sends it, Escape
 * leaves; a key that is held down does neither.
 *
 * @returns the body of the call; undefined if the reader has left.
 */
export const ask = (alert, review, api) => {
  const note = el('textarea', {
    name: 'note',
    rows: '2',
    maxlength: '2000',
    placeholder: 'for the record, not required',
    onkeydown: (event) => {
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      if (!event.repeat) form.requestSubmit();
    },
  });
  const go = el(
    'button',
    { type: 'submit', class: 'go' },
    review.go,
    el('kbd', { 'aria-hidden': 'true' }, 'Enter'),
  );
  const form = el(
    'form',
    { method: 'dialog' },
    el('h2', { id: 'question' }, review.question(alert)),
    whom(alert, api),
    el('p', { id: 'follows' }, review.follows(alert)),
    review.reasons ? reasons(review.reasons) : undefined,
    el('label', { class: 'note' }, 'Note', note),
    el(
      'div',
      { class: 'acts' },
      go,
      el('button', { type: 'button', onclick: () => dialog.close() }, 'Cancel', kbd('Esc')),
    ),
  );
  const dialog = el(
    'dialog',
    { class: 'ask', 'aria-labelledby': 'question', 'aria-describedby': 'follows' },
    form,
  );
  document.body.append(dialog);
  return new Promise((resolve) => {
    let body;
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const words = note.value.trim();
      const reason = form.querySelector('input[name="dismissal"]:checked')?.value;
      body = { ...review.body, ...(reason ? { dismissal: reason } : {}), ...(words ? { note: words } : {}) };
      dialog.close();
    });
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(body);
    });
    dialog.showModal();
    // Not into the note, where a key that is still held down would be typed.
    (form.querySelector('input') ?? go).focus();
  });
};

const whom = (alert, api) =>
  el(
    'div',
    { class: 'whom' },
    picture(api, cropOf(alert.face_id), 'The face that was seen'),
    picture(api, cropOf(enrolledFaceOf(alert)), 'The enrolled face'),
    el('div', { class: 'faint' }, placeOf(alert), el('br'), clock(alert.last_seen)),
  );

const reasons = (choices) =>
  el(
    'fieldset',
    {},
    el('legend', {}, 'Reason'),
    ...choices.map(([value, words], at) =>
      el('label', {}, el('input', { type: 'radio', name: 'dismissal', value, checked: at === 0 }), words),
    ),
  );

/** Shows which key does what. */
export const showKeys = (keys) => {
  const dialog = el(
    'dialog',
    { class: 'ask', 'aria-label': 'Keys' },
    el(
      'form',
      { method: 'dialog' },
      el('h2', {}, 'Keys'),
      el(
        'dl',
        { class: 'keys' },
        ...keys.flatMap(([key, words]) => [el('dt', {}, kbd(key)), el('dd', {}, words)]),
      ),
      el('p', { class: 'sub' }, 'They do nothing while a field has the focus, and holding one counts once.'),
      el('div', { class: 'acts' }, el('button', { type: 'submit', class: 'go' }, 'Close', kbd('Esc'))),
    ),
  );
  document.body.append(dialog);
  dialog.addEventListener('close', () => dialog.remove());
  dialog.showModal();
};
