import { ask } from './dialogs.js';
import { placeOf } from './elements.js';
import { AlertList } from './list.js';
import { Narrow } from './narrow.js';
import { detail } from './views.js';

const at = (id) => document.getElementById(id);

/** The list of alerts in one state, the alert that is shown, and what the reader does with it. One call at a time. */
export class Desk {
  #api;
  #toast;
  #onRefused;
  #list;
  #state = 'open';
  #alerts = [];
  /** The alert that is marked in the list. */
  #chosen;
  /** What the detail shows, as it was read, and the same as text. */
  #shown;
  #shownText;
  /** While a call or a question is under way, nothing else is begun. */
  #busy = false;
  /** The reviews that were made here and can be undone, the latest last. */
  #steps = [];
  #reading = Promise.resolve();
  #narrow = new Narrow();

  constructor(api, { toast, onRefused }) {
    this.#api = api;
    this.#toast = toast;
    this.#onRefused = onRefused;
    this.#list = new AlertList(at('alerts'), api, (id) => void this.#open(id));
  }

  /** Reads the list again and keeps the chosen alert, or the one that took its place. One reading follows the other. */
  refresh() {
    this.#reading = this.#reading.catch(() => {}).then(() => this.#refresh());
    return this.#reading;
  }

  async #refresh() {
    const { alerts } = await this.#read(`/v1/alerts?state=${this.#state}&limit=200`);
    const place = this.#alerts.findIndex(({ id }) => id === this.#chosen);
    const hadFocus = at('alerts').contains(document.activeElement);
    this.#alerts = alerts;
    if (!alerts.some(({ id }) => id === this.#chosen)) {
      this.#chosen = alerts[Math.min(Math.max(place, 0), alerts.length - 1)]?.id;
      this.#narrow.close();
    }
    this.#list.show(alerts, this.#state);
    this.#list.mark(this.#chosen);
    if (hadFocus && !at('alerts').contains(document.activeElement)) this.#focus();
    document.title =
      this.#state === 'open' && alerts.length > 0 ? `(${alerts.length}) Watchpost` : 'Watchpost';
    await this.#show();
  }

  /** Lists the alerts of another state. */
  async list(state) {
    this.#turnTo(state);
    this.#chosen = undefined;
    await this.update();
  }

  /** As refresh, with errors shown. */
  async update() {
    await this.#saying(() => this.refresh());
  }

  /** Goes to the next alert of the list (1) or the one before (-1). */
  move(by) {
    const next = this.#alerts[this.#alerts.findIndex(({ id }) => id === this.#chosen) + by];
    if (!next) return;
    this.#choose(next.id);
    if (!this.#narrow.isOpen) this.#list.focus(next.id);
    void this.#saying(() => this.#show());
  }

  /** Reviews the alert that is shown, after asking if the review is not harmless. The server decides whether it may be. */
  async act(review) {
    const alert = this.#shown;
    if (this.#busy || !alert || alert.id !== this.#chosen) return;
    await this.#alone(async () => {
      const body = review.question ? await ask(alert, review, this.#api) : {};
      if (!body) {
        if (document.activeElement === document.body) this.#focus();
        return;
      }
      const reviewed = await this.#api.call('POST', `/v1/alerts/${alert.id}/${review.verb}`, body);
      this.#steps.push({ alert, review: reviewed.review_id });
      const waits = reviewed.awaiting && review.verb === 'confirm' ? '; it waits for a second reviewer' : '';
      this.#toast.say(`${review.done}: ${alert.person}, ${placeOf(alert)}${waits}.`, { undoable: true });
      await this.refresh();
      this.#focus();
    });
  }

  /** Undoes the latest review that was made here, and shows its alert. */
  async undo() {
    const step = this.#steps.at(-1);
    if (this.#busy || !step) return;
    await this.#alone(async () => {
      const { person, location, camera, state } = await this.#takeBack(step);
      const [words, undoable] = [placeOf({ location, camera }), this.#steps.length > 0];
      this.#toast.say(`Undone: ${person}, ${words}, is ${state} again.`, { undoable });
      if (state !== this.#state) this.#turnTo(state);
      this.#chosen = step.alert.id;
      await this.refresh();
      this.#focus();
    });
  }

  /** On a narrow screen, goes from the alert back to the list. */
  back() {
    if (!this.#narrow.isOpen) return;
    this.#narrow.close();
    this.#focus();
  }

  async #open(id) {
    this.#choose(id);
    this.#narrow.open(id);
    await this.#saying(() => this.#show());
    if (this.#narrow.isOpen) this.#focus();
  }

  #focus() {
    if (this.#narrow.isOpen) at('detail').querySelector('h2')?.focus();
    else this.#list.focus(this.#chosen);
  }

  #turnTo(state) {
    this.#state = state;
    at('alerts').scrollTop = 0;
    for (const button of document.querySelectorAll('nav button')) {
      button.setAttribute('aria-pressed', String(button.dataset.state === state));
    }
  }

  /** A step that the server has undone or refused to undo is not tried again: then it is the turn of the one before. */
  async #takeBack(step) {
    try {
      const alert = await this.#api.call('POST', `/v1/alerts/${step.alert.id}/undo`, { review: step.review });
      this.#steps.pop();
      return alert;
    } catch (error) {
      if (error.status === 409 || error.status === 404) this.#steps.pop();
      throw error;
    }
  }

  #choose(id) {
    this.#chosen = id;
    this.#list.mark(id);
  }

  async #show() {
    const wanted = this.#chosen;
    const alert = wanted && (await this.#read(`/v1/alerts/${wanted}`));
    // Another one was chosen meanwhile.
    if (wanted !== this.#chosen) return;
    const text = JSON.stringify(alert);
    if (text === this.#shownText) return;
    [this.#shown, this.#shownText] = [alert, text];
    const acts = { act: (review) => void this.act(review), back: () => this.back() };
    at('detail').replaceChildren(...(alert ? detail(alert, this.#api, acts) : []));
  }

  async #read(path) {
    const answer = await this.#api.call('GET', path);
    at('away').hidden = true;
    return answer;
  }

  async #alone(work) {
    this.#busy = true;
    document.body.toggleAttribute('data-busy', true);
    try {
      await this.#saying(work, 'The server did not answer. Whether this was done shows when it is back.');
    } finally {
      this.#busy = false;
      document.body.toggleAttribute('data-busy', false);
    }
  }

  /** Shows an error where the reader looks, instead of losing it. */
  async #saying(work, unanswered) {
    try {
      await work();
    } catch (error) {
      if (error.status === 401) {
        this.#onRefused(error);
        return;
      }
      const words = error.status === undefined ? unanswered : error.message;
      if (words) this.#toast.fail(words);
      // Undefined: no answer at all. The stream notices when the server is back, and has everything read again.
      if (error.status === undefined || error.status === 503) at('away').hidden = false;
      else await this.refresh().catch(() => {});
    }
  }
}
