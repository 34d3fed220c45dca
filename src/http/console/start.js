import { Api } from './api.js';
import { Desk } from './desk.js';
import { placeOf } from './elements.js';
import { listenToKeys } from './keys.js';
import { Toast } from './toast.js';

const at = (id) => document.getElementById(id);
const kept = 'watchpost-key';
const refused = 'watchpost-refused';

/** Starts the page: with the key that this tab keeps, else it asks for one. Returns how to stop it. */
export const start = () => {
  const stopping = new AbortController();
  let desk;
  const toast = new Toast(at('toast'), { onUndo: () => void desk.undo() });

  const askForKey = (words) => {
    at('entry').hidden = false;
    at('refusal').textContent = words;
    at('key').focus();
  };
  const onRefused = () => {
    sessionStorage.removeItem(kept);
    sessionStorage.setItem(refused, 'The key that this tab had is not valid any more.');
    location.reload();
  };

  /** Opens the desk with an API key, and asks for another one if the server refuses it. */
  const enter = async (key) => {
    const api = new Api(key);
    desk = new Desk(api, { toast, onRefused });
    try {
      await desk.refresh();
    } catch (error) {
      if (error.status === 401) sessionStorage.removeItem(kept);
      else at('key').value = key;
      askForKey(error.status ? error.message : 'The server does not answer. Try again.');
      return;
    }
    sessionStorage.setItem(kept, key);
    at('entry').hidden = true;
    for (const id of ['states', 'desk', 'leave', 'keys', 'hints']) at(id).hidden = false;
    listenToKeys(desk);
    for (const button of document.querySelectorAll('nav button')) {
      button.addEventListener('click', () => void desk.list(button.dataset.state));
    }
    addEventListener('popstate', () => desk.back());
    void api.follow({ ...follower(desk, stopping.signal), onRefused, signal: stopping.signal });
  };

  at('leave').addEventListener('click', () => {
    sessionStorage.removeItem(kept);
    location.reload();
  });
  at('entry').addEventListener('submit', (event) => {
    event.preventDefault();
    void enter(at('key').value.trim());
  });
  const key = sessionStorage.getItem(kept);
  if (key) void enter(key);
  else askForKey(sessionStorage.getItem(refused) ?? '');
  sessionStorage.removeItem(refused);
  return () => stopping.abort();
};

/** What the stream of alerts does to the page: the list is read again, once for alerts that arrive together. */
const follower = (desk, signal) => {
  let waiting = false;
  const soon = () => {
    if (waiting) return;
    waiting = true;
    setTimeout(() => {
      waiting = false;
      if (!signal.aborted) void desk.update();
    }, 200);
  };
  return {
    onAlert: (alert) => {
      at('news').textContent = `New alert: ${alert.person}, ${placeOf(alert)}.`;
      soon();
    },
    // What others have reviewed meanwhile.
    onBeat: soon,
    onState: (on) => {
      at('live').toggleAttribute('data-on', on);
      at('live').textContent = on ? 'live' : 'not connected';
      if (on) soon();
    },
  };
};
