/** Says what was done or why it was not, also to screen readers, and offers to undo it. It stays until the next one. */
export class Toast {
  #box;
  #words;
  #undo;

  constructor(box, { onUndo }) {
    this.#box = box;
    this.#words = box.querySelector('p');
    this.#undo = box.querySelector('[data-undo]');
    this.#undo.addEventListener('click', onUndo);
    box.querySelector('[data-close]').addEventListener('click', () => this.hide());
  }

  /** Something was done; `undoable`: the button is offered. */
  say(words, { undoable = false } = {}) {
    this.#show(words, 'said');
    this.#undo.hidden = !undoable;
  }

  /** Something could not be done. */
  fail(words) {
    this.#show(words, 'failed');
    this.#undo.hidden = true;
  }

  hide() {
    this.#box.dataset.kind = 'none';
    this.#words.textContent = '';
  }

  #show(words, kind) {
    this.#box.dataset.kind = kind;
    this.#words.textContent = words;
  }
}
