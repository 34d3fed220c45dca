/** An error that the API answered. */
export class Refusal extends Error {
  constructor(status, problem) {
    super([problem?.detail ?? `The server answered ${status}.`, problem?.hint].filter(Boolean).join(' '));
    this.status = status;
  }
}

/** Calls the API with the key of this tab. Pictures need the key too, so an img cannot fetch them by itself. */
export class Api {
  #key;
  #pictures = new Map();

  constructor(key) {
    this.#key = key;
  }

  #fetch(path, options = {}) {
    return fetch(path, { ...options, headers: { ...options.headers, authorization: `Bearer ${this.#key}` } });
  }

  /** The answer to a call; throws a Refusal. */
  async call(method, path, body) {
    const json =
      body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
    const response = await this.#fetch(path, { method, ...json });
    if (!response.ok) throw new Refusal(response.status, await response.json().catch(() => undefined));
    return response.status === 204 ? undefined : response.json();
  }

  /** An object URL of a picture for an img; undefined if the picture was removed. */
  picture(path) {
    if (!this.#pictures.has(path)) {
      const address = this.#load(path);
      this.#pictures.set(path, address);
      // The next one who needs it tries again: the server may have been away.
      void address.then((url) => url ?? this.#pictures.delete(path));
    }
    // A day shows thousands of faces, so those that were shown longest ago are dropped, and fetched again when needed.
    if (this.#pictures.size > 300) {
      const [oldest, address] = this.#pictures.entries().next().value;
      this.#pictures.delete(oldest);
      void address.then((url) => url && URL.revokeObjectURL(url));
    }
    return this.#pictures.get(path);
  }

  async #load(path) {
    const response = await this.#fetch(path).catch(() => undefined);
    return response?.ok ? URL.createObjectURL(await response.blob()) : undefined;
  }

  /**
   * Follows the stream of alerts until `signal` is aborted or the key is refused. When it is cut off it is opened again
   * with the id of the last message, so that no alert is missed. `onBeat` is called every 15 s without alerts.
   */
  async follow({ onAlert, onBeat, onState, onRefused, signal }) {
    let last;
    while (!signal.aborted) {
      try {
        const headers = last ? { 'last-event-id': last } : {};
        const response = await this.#fetch('/v1/alerts/stream', { headers, signal });
        if (!response.ok) throw new Refusal(response.status);
        onState(true);
        for await (const message of messages(response.body)) {
          if (message.id) last = message.id;
          if (message.data) onAlert(JSON.parse(message.data));
          else onBeat();
        }
      } catch (error) {
        if (error.status === 401) return onRefused(error);
        // The stream was cut off; the loop opens it again.
      }
      if (signal.aborted) return;
      onState(false);
      await new Promise((resolve) => setTimeout(resolve, 2_000));
    }
  }
}

/** The messages of an event stream: blocks of `field: value` lines. Lines that begin with a colon are comments. */
async function* messages(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split('\n\n');
    rest = blocks.pop();
    for (const block of blocks) {
      const fields = block.split('\n').map((line) => line.split(/: ?(.*)/s));
      const field = (name) => fields.filter(([key]) => key === name).map(([, text]) => text);
      yield { id: field('id')[0], event: field('event')[0], data: field('data').join('\n') };
    }
  }
}
