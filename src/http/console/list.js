import { el } from './elements.js';
import { cardContent, nothing } from './views.js';

/**
 * The list of alerts. A refresh changes only what is different, so that focus and scroll position stay where they are.
 */
export class AlertList {
  #list;
  #api;
  #choose;
  #shown = new Map();

  constructor(list, api, choose) {
    this.#list = list;
    this.#api = api;
    this.#choose = choose;
  }

  /** Shows these alerts, in this order. */
  show(alerts, state) {
    const items = alerts.map((alert) => this.#item(alert));
    this.#shown = new Map(items.map((item, at) => [alerts[at].id, item]));
    const wanted = items.length > 0 ? items.map(({ row }) => row) : [nothing(state)];
    const kept = new Set(wanted);
    for (const row of [...this.#list.children]) if (!kept.has(row)) row.remove();
    wanted.forEach((row, at) => {
      if (this.#list.children[at] !== row) this.#list.insertBefore(row, this.#list.children[at] ?? null);
    });
  }

  /** Marks the card of an alert as the one that is shown, and brings it into view. */
  mark(id) {
    for (const [shown, { card }] of this.#shown) card.setAttribute('aria-current', String(shown === id));
    this.#shown.get(id)?.row.scrollIntoView?.({ block: 'nearest' });
  }

  /** Moves the focus to the card of an alert; without one, to the list. */
  focus(id) {
    (this.#shown.get(id)?.card ?? this.#list).focus();
  }

  #item(alert) {
    const text = JSON.stringify(alert);
    const item = this.#shown.get(alert.id) ?? this.#newItem(alert);
    if (item.text !== text) {
      item.text = text;
      item.card.dataset.severity = alert.severity;
      item.card.replaceChildren(...cardContent(alert, this.#api));
    }
    return item;
  }

  #newItem({ id }) {
    const card = el('button', {
      type: 'button',
      class: 'card',
      'data-id': id,
      onclick: () => this.#choose(id),
    });
    return { card, row: el('li', {}, card) };
  }
}
