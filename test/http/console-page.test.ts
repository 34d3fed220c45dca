import { readFile } from 'node:fs/promises';
import { Window } from 'happy-dom';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { raiseAlert } from '../support/alerts.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { realVision } from '../support/pipeline.ts';
import { until } from '../support/until.ts';
import { type Api, admit, idleProcess, listen } from './support.ts';

/** The page's own script, in a document without a browser, against the real API. */
describe('the console', () => {
  let database: TestDatabase;
  let api: Api;
  let html: string;
  let window: Window;
  let stop: () => void;
  /** Calls that change something, in order. */
  let posted: string[];
  /** Calls wait for it. */
  let gate: Promise<void>;
  let away: boolean;
  let narrow: boolean;
  /** Calls that are not answered yet, without the stream. */
  let pending = 0;

  beforeAll(async () => {
    database = await freshDatabase();
    const vision = await realVision();
    api = await listen(database, vision, await idleProcess(database, vision, 'resting'), {
      streamsPerKey: 50,
    });
    await admit(database, api);
    const page = await readFile(new URL('../../src/http/console/page.html', import.meta.url), 'utf8');
    html = page.replaceAll(/<(script|link)[^>]*>(<\/script>)?/g, '');
  });
  afterAll(() => vi.unstubAllGlobals());

  beforeEach(async () => {
    await database.rows(`update watchpost.alert set withdrawn_at = now() where withdrawn_at is null`);
    [posted, gate, away, narrow] = [[], Promise.resolve(), false, false];
  });
  afterEach(async () => {
    stop();
    // What a call leads to is another call, or a change of the page that is closed next.
    await until(async () => {
      if (pending > 0) return false;
      await new Promise(setImmediate);
      return pending === 0;
    });
    await window.happyDOM.close();
  });

  const fetchFromServer = globalThis.fetch;
  const call = async (path: string, init: RequestInit = {}) => {
    const url = new URL(path, api.url);
    if (away) throw new TypeError('fetch failed');
    if (path.endsWith('/stream')) return fetchFromServer(url, init);
    pending += 1;
    try {
      if (init.method === 'POST') {
        posted.push(path);
        await gate;
      }
      const answer = await fetchFromServer(url, init);
      return new Response(await answer.arrayBuffer(), answer);
    } finally {
      pending -= 1;
    }
  };

  const openPage = async () => {
    window = new Window({ url: `${api.url}/console` });
    window.document.write(html);
    window.sessionStorage.setItem('watchpost-key', api.key);
    const given = {
      ...{ document: window.document, sessionStorage: window.sessionStorage, history: window.history },
      ...{ location: window.location, CSS: { escape: (text: string) => text }, fetch: call },
      addEventListener: window.addEventListener.bind(window),
      matchMedia: () => ({ matches: narrow }),
    };
    for (const [name, value] of Object.entries(given)) vi.stubGlobal(name, value);
    const { start } = await import('../../src/http/console/start.js' as string);
    stop = start();
    await until(async () => !$('#desk').hidden);
  };

  // biome-ignore lint/suspicious/noExplicitAny: elements of many kinds.
  const $ = (selector: string): any => window.document.querySelector(selector);
  const cards = () =>
    [...window.document.querySelectorAll('.card')].map((card) => card.getAttribute('data-id'));
  const shown = () => $('#detail h2')?.textContent;
  /** Resolves when this alert is shown and keys act on it. */
  const showing = ({ name }: { name: string }) =>
    until(async () => shown() === name && !window.document.body.hasAttribute('data-busy'));
  const said = () => $('#toast p').textContent;
  const saying = (words: RegExp) =>
    until(async () => words.test(said()) && !window.document.body.hasAttribute('data-busy'));
  /** Presses a key where the focus is; false if that is all that comes of it, and no button is clicked by Enter. */
  const press = (key: string, repeat = false): boolean => {
    const target = window.document.activeElement ?? window.document.body;
    return target.dispatchEvent(
      new window.KeyboardEvent('keydown', { key, repeat, bubbles: true, cancelable: true }),
    );
  };
  const hold = (key: string) => {
    press(key);
    for (let times = 0; times < 40; times += 1) press(key, true);
  };
  const stateOf = async (id: string) =>
    (await database.rows('select state from watchpost.alert where id = $1', [id]))[0].state;

  /** Alerts of several people, the latest first, as the page lists them. */
  const raise = async (count: number) => {
    const raised = [];
    for (let n = 0; n < count; n += 1) {
      const seen = [new Date(Date.UTC(2026, 4, 1, 8, n)).toISOString()];
      const { alertId, personId } = await raiseAlert(database, { seen });
      const [{ name }] = (await database.rows('select name from watchpost.person where id = $1', [
        personId,
      ])) as [{ name: string }];
      raised.unshift({ id: alertId, name });
    }
    return raised;
  };

  it('asks once while D is held down, dismisses that alert only, and goes on to the next', async () => {
    const alerts = await raise(10);
    await openPage();
    await showing(alerts[0]!);
    hold('j');
    press('k');
    const [chosen, next] = [alerts[8]!, alerts[9]!];
    await showing(chosen);
    hold('d');
    expect(window.document.querySelectorAll('dialog')).toHaveLength(1);
    expect($('dialog h2').textContent).toContain(chosen.name);
    hold('Enter');
    expect(posted).toEqual([]);

    $('dialog input[value="false_alarm"]').checked = true;
    $('dialog textarea').value = ' a poster ';
    $('dialog form').requestSubmit();
    await until(async () => said() !== '');
    expect(said()).toMatch(new RegExp(`^Dismissed: ${chosen.name}, Gate \\d+\\.$`));
    expect(posted).toEqual([`/v1/alerts/${chosen.id}/dismiss`]);
    const [review] = await database.rows(
      'select dismissal, note from watchpost.alert_review where alert_id = $1',
      [chosen.id],
    );
    expect(review).toEqual({ dismissal: 'false_alarm', note: 'a poster' });
    await until(async () => window.document.activeElement?.getAttribute('data-id') === next.id);
    expect(cards()).toEqual(alerts.filter((alert) => alert !== chosen).map(({ id }) => id));
    await showing(next);
    for (const key of ['a', 'c', 'n', 'd', 'u']) press(key, true);
    expect($('dialog')).toBeNull();
    expect(press('Enter', true), 'a held Enter clicks no button').toBe(false);
    expect(press('Enter')).toBe(true);
    expect(posted).toHaveLength(1);
  });

  it('does nothing for a key while a call is under way, behind a question, or in a field', async () => {
    const [latest, earlier] = await raise(2);
    await openPage();
    await showing(latest!);
    let open = () => {};
    gate = new Promise((resolve) => {
      open = resolve;
    });
    for (const key of ['a', 'a', 'c', 'n', 'd', 'u']) press(key);
    await until(async () => posted.length > 0);
    for (const key of ['a', 'c', 'n', 'd', 'u']) press(key);
    expect($('dialog')).toBeNull();
    open();
    await saying(/^Acknowledged/);
    expect(posted).toEqual([`/v1/alerts/${latest!.id}/acknowledge`]);

    await showing(earlier!);
    press('n');
    $('dialog textarea').focus();
    for (const key of ['c', 'd', 'u', 'j', '?']) press(key);
    expect(window.document.querySelectorAll('dialog')).toHaveLength(1);
    $('dialog').close();
    expect($('dialog')).toBeNull();
    expect(posted).toHaveLength(1);
  });

  it('says what follows from "not them" before anything is written, and Enter in the note sends it', async () => {
    const [alert] = await raise(1);
    await openPage();
    await showing(alert!);
    press('n');
    expect($('#follows').textContent).toMatch(/withdrawn[\s\S]*never matched with Person \d+ again/);
    expect(window.document.activeElement?.tagName).not.toBe('TEXTAREA');
    $('dialog textarea').focus();
    press('Enter', true);
    expect($('dialog')).not.toBeNull();
    press('Enter');
    await saying(/^Dismissed as not them/);
    expect(await stateOf(alert!.id)).toBe('dismissed');
    await until(async () => $('#alerts').textContent === 'Nothing waits for you.');
  });

  it('undoes the last review with U, shows its alert again, and then the one before', async () => {
    const [one, two] = await raise(2);
    await openPage();
    await showing(one!);
    press('a');
    await showing(two!);
    press('c');
    $('dialog form').requestSubmit();
    await saying(/^Confirmed/);
    expect($('#toast [data-undo]').hidden).toBe(false);
    press('u');
    await saying(new RegExp(`^Undone: ${two!.name}, ${await placeOf(two!.id)}, is open again\\.$`));
    await until(async () => window.document.activeElement?.getAttribute('data-id') === two!.id);
    expect(await stateOf(two!.id)).toBe('open');
    $('#toast [data-undo]').click();
    await saying(new RegExp(`^Undone: ${one!.name}`));
    await until(async () => cards().length === 2);
    expect(cards()).toEqual([one!.id, two!.id]);
    expect($('#toast [data-undo]').hidden).toBe(true);
    press('u');
    expect(posted).toHaveLength(4);
  });

  const placeOf = async (id: string) =>
    (await database.rows('select location from watchpost.alert_detail where id = $1', [id]))[0].location;

  it('says who was faster, when a review or its undoing is refused', async () => {
    const [one, two] = await raise(2);
    await openPage();
    await showing(one!);
    press('a');
    await saying(/^Acknowledged/);
    await database.rows('select watchpost.confirm($1)', [one!.id]);
    press('u');
    await saying(/Since this review the alert was confirmed by \w+/);
    expect($('#toast').dataset.kind).toBe('failed');

    await showing(two!);
    await database.rows(`select watchpost.dismiss($1, 'resolved')`, [two!.id]);
    press('a');
    await saying(/cannot be acknowledged: it was dismissed by/);
    await until(async () => cards().length === 0);
  });

  it('says so while the server is away, and catches up by itself', async () => {
    const [first] = await raise(1);
    await openPage();
    await until(async () => $('#live').hasAttribute('data-on'));
    expect($('#away').hidden).toBe(true);
    await showing(first!);
    away = true;
    press('a');
    await until(async () => !$('#away').hidden);
    expect(said()).toMatch(/did not answer/);
    expect(await stateOf(first!.id)).toBe('open');
    away = false;
    const [later] = await raise(1);
    await until(async () => cards().includes(later!.id));
    expect($('#away').hidden).toBe(true);
    // By the stream, while the list may have been read for another reason.
    await until(async () => $('#news').textContent?.includes(later!.name));
  });

  it('keeps the elements of what has not changed, so that focus and position stay', async () => {
    const alerts = await raise(3);
    await openPage();
    await showing(alerts[0]!);
    press('j');
    const card = window.document.activeElement;
    expect(card?.getAttribute('data-id')).toBe(alerts[1]!.id);
    const heading = await until(async () => shown() === alerts[1]!.name && $('#detail h2'));
    const [later] = await raise(1);
    await until(async () => cards().includes(later!.id));
    expect(window.document.activeElement).toBe(card);
    expect($('#detail h2')).toBe(heading);
  });

  it('says of each sighting where its camera was then, and whether its file is damaged', async () => {
    const seen = ['2026-05-01T08:00:00Z', '2026-05-01T08:01:00Z', '2026-05-01T08:02:00Z'];
    const { alertId, personId } = await raiseAlert(database, { seen });
    const photos = await database.rows(
      `select i.id, i.camera_id, k.location from watchpost.alert_match as am
       join watchpost.match as m on m.id = am.match_id
       join watchpost.image as i on i.id = m.image_id
       join watchpost.camera as k on k.id = i.camera_id
       where am.alert_id = $1 order by i.captured_at`,
      [alertId],
    );
    const [first, second] = photos;
    await database.rows('update watchpost.image set undecoded_share = 0.1 where id = $1', [second.id]);
    // As if it had been moved between the first sighting and the second.
    await database.rows(
      `update watchpost.camera_place set during = tstzrange(null, '2026-05-01T08:00:30Z') where camera_id = $1`,
      [first.camera_id],
    );
    await database.rows(
      `insert into watchpost.camera_place
       select camera_id, tstzrange('2026-05-01T08:00:30Z', null), name, 'Garage', zone
       from watchpost.camera_place where camera_id = $1`,
      [first.camera_id],
    );
    await openPage();
    const [{ name }] = await database.rows('select name from watchpost.person where id = $1', [personId]);
    await showing({ name });
    expect($('.pair figcaption').textContent).toBe(`seen at ${first.location}`);
    const notes = [...window.document.querySelectorAll('.strip figcaption')].map((caption) =>
      [...caption.querySelectorAll('span')].map((note) => note.textContent),
    );
    expect(notes).toEqual([['damaged file'], []]);
  });

  it('on a narrow screen opens an alert in place of the list, and goes back after acting', async () => {
    narrow = true;
    const [one, two] = await raise(2);
    await openPage();
    await until(async () => cards().length === 2);
    expect($('#desk').hasAttribute('data-open')).toBe(false);
    $(`[data-id="${one!.id}"]`).click();
    expect($('#desk').hasAttribute('data-open')).toBe(true);
    await showing(one!);
    $('#detail .back').click();
    expect($('#desk').hasAttribute('data-open')).toBe(false);
    expect(window.document.activeElement?.getAttribute('data-id')).toBe(one!.id);

    $(`[data-id="${one!.id}"]`).click();
    await until(async () => window.document.activeElement?.tagName === 'H2');
    press('a');
    await until(async () => cards().length === 1);
    expect($('#desk').hasAttribute('data-open')).toBe(false);
    await until(async () => window.document.activeElement?.getAttribute('data-id') === two!.id);
  });
});
