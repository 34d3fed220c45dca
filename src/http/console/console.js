import { Api } from './api.js';
import { card, detail, nothing } from './views.js';

const at = (id) => document.getElementById(id);
const kept = 'watchpost-key';

let api;
let state = 'open';
let alerts = [];
let chosen;

/** Lists the alerts of the chosen state, the latest first, and keeps the selected one. */
const refresh = async () => {
  ({ alerts } = await api.call('GET', `/v1/alerts?state=${state}&limit=200`));
  if (!alerts.some((alert) => alert.id === chosen)) chosen = alerts[0]?.id;
  at('alerts').replaceChildren(
    ...(alerts.length > 0
      ? alerts.map((alert) => card(alert, api, alert.id === chosen, choose))
      : [nothing(state)]),
  );
  document.title = state === 'open' && alerts.length > 0 ? `(${alerts.length}) Watchpost` : 'Watchpost';
  await show();
};

const choose = async (id) => {
  chosen = id;
  for (const shown of at('alerts').querySelectorAll('.card')) {
    shown.setAttribute('aria-current', String(shown.dataset.id === id));
  }
  await show();
};

const show = async () => {
  if (!chosen) {
    at('detail').replaceChildren();
    return;
  }
  const wanted = chosen;
  const alert = await api.call('GET', `/v1/alerts/${wanted}`);
  // Another one was selected meanwhile.
  if (wanted === chosen) at('detail').replaceChildren(...detail(alert, api, act));
};

/** Acknowledges, confirms or dismisses the alert that is shown; the server decides whether it may be. */
const act = async (verb, body = {}) => {
  try {
    await api.call('POST', `/v1/alerts/${chosen}/${verb}`, body);
    await refresh();
  } catch (error) {
    const said = at('detail').querySelector('.wrong');
    if (said) said.textContent = error.message;
  }
};

const move = (by) => {
  const next = alerts[alerts.findIndex((alert) => alert.id === chosen) + by];
  if (!next) return;
  void choose(next.id);
  at('alerts').querySelector(`[data-id="${next.id}"]`)?.scrollIntoView({ block: 'nearest' });
};

const keys = { j: () => move(1), k: () => move(-1) };

addEventListener('keydown', (event) => {
  if (!api || event.target.matches('input') || event.ctrlKey || event.metaKey || event.altKey) return;
  if (keys[event.key]) keys[event.key]();
  else
    at('detail')
      .querySelector(`[data-key="${CSS.escape(event.key)}"]:enabled`)
      ?.click();
});

for (const button of document.querySelectorAll('nav button')) {
  button.addEventListener('click', () => {
    state = button.dataset.state;
    for (const other of document.querySelectorAll('nav button')) {
      other.setAttribute('aria-pressed', String(other === button));
    }
    void refresh();
  });
}

at('leave').addEventListener('click', () => {
  sessionStorage.removeItem(kept);
  location.reload();
});

at('entry').addEventListener('submit', (event) => {
  event.preventDefault();
  void enter(at('key').value.trim());
});

/** Starts with an API key, and asks for another one if the server refuses it. */
const enter = async (key) => {
  api = new Api(key);
  try {
    await refresh();
  } catch (error) {
    api = undefined;
    sessionStorage.removeItem(kept);
    at('entry').hidden = false;
    at('refusal').textContent = key ? error.message : '';
    at('key').focus();
    return;
  }
  sessionStorage.setItem(kept, key);
  at('entry').hidden = true;
  at('desk').hidden = false;
  at('leave').hidden = false;
  let waiting = false;
  void api.follow({
    // Alerts that arrive together refresh the list once.
    onAlert: () => {
      if (waiting) return;
      waiting = true;
      setTimeout(() => {
        waiting = false;
        void refresh();
      }, 200);
    },
    onState: (on) => {
      at('live').toggleAttribute('data-on', on);
      at('live').textContent = on ? 'live' : 'not connected';
    },
    signal: new AbortController().signal,
  });
};

const key = sessionStorage.getItem(kept);
if (key) void enter(key);
else at('entry').hidden = false;
