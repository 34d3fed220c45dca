import { showKeys } from './dialogs.js';

/** Keys and what they do, as the help shows them. */
const help = [
  ['j', 'the next alert'],
  ['k', 'the alert before'],
  ['a', 'acknowledge: you are dealing with it'],
  ['c', 'confirm that it is them'],
  ['n', 'it is not them'],
  ['d', 'dismiss, with a reason'],
  ['o', 'reopen'],
  ['u', 'undo the last review that you made here'],
  ['Enter', 'send what a question asks about'],
  ['Esc', 'leave the question, or go back to the list'],
  ['?', 'these keys'],
];

/** Whether keys are typed there instead of acting. */
const isField = (target) => Boolean(target.closest?.('input, textarea, select, [contenteditable]'));

/**
 * Lets keys act on the desk. A key that is held down repeats; only moving through the list follows that, everything else
 * counts once, and nothing acts behind a question.
 */
export const listenToKeys = (desk) => {
  const moves = { j: 1, k: -1 };
  const acts = { u: () => void desk.undo(), '?': () => showKeys(help), escape: () => desk.back() };
  addEventListener(
    'keydown',
    (event) => {
      // A browser clicks the focused button again and again while Enter is held down.
      if (event.repeat && event.key === 'Enter' && !isField(event.target)) event.preventDefault();
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (isField(event.target) || document.querySelector('dialog[open]')) return;
      const key = event.key.toLowerCase();
      if (moves[key]) desk.move(moves[key]);
      else if (event.repeat) return;
      else if (acts[key]) acts[key]();
      else document.querySelector(`#detail [data-key="${CSS.escape(key)}"]`)?.click();
    },
    true,
  );
  document.getElementById('keys').addEventListener('click', () => showKeys(help));
};
