const at = (id) => document.getElementById(id);

/** On a narrow screen the list and the alert that was opened from it take turns; on a wide one both are always there. */
export class Narrow {
  #scroll = 0;

  /** Whether the alert is there instead of the list. */
  get isOpen() {
    return at('desk').hasAttribute('data-open');
  }

  open(id) {
    if (this.isOpen || !matchMedia('(max-width: 48rem)').matches) return;
    this.#scroll = at('alerts').scrollTop;
    at('desk').toggleAttribute('data-open', true);
    // So that the browser's own way back leads to the list.
    history.pushState({ alert: id }, '');
  }

  /** Back to the list, where it was left. */
  close() {
    if (!this.isOpen) return;
    at('desk').toggleAttribute('data-open', false);
    at('alerts').scrollTop = this.#scroll;
    if (history.state?.alert) history.back();
  }
}
