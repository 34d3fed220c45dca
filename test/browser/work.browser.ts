import type { Browser, Page } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Api, keyWith, serve } from '../http/support.ts';
import type { TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { sealAll, tamper } from '../support/record.ts';
import { addDeadLetter, addressesOf, dialogs, type Furnished, furnish } from './furnish.ts';
import {
  browserPath,
  drop,
  expectAccessible,
  logIn,
  needsBrowser,
  openBrowser,
  openPage,
  paste,
  settled,
} from './support.ts';

describe.skipIf(!browserPath)(`work in the console${needsBrowser}`, () => {
  let database: TestDatabase;
  let api: Api;
  let browser: Browser;
  let furnished: Furnished;
  let addresses: Readonly<Record<string, string>>;
  beforeAll(async () => {
    ({ database, api } = await serve());
    browser = await openBrowser();
    furnished = await furnish(database, api);
    addresses = addressesOf(furnished);
  });

  const open = async (name: string, options: Parameters<typeof openPage>[1] & { key?: string } = {}) => {
    const { page, errors } = await openPage(browser, options);
    await logIn(page, api.url, options.key ?? api.key);
    await page.goto(`${api.url}${addresses[name]}`);
    return { page, errors };
  };

  /** By the rules of axe, and of the dark colours those of contrast, as only colours differ. */
  const check = async (page: Page, within: string) => {
    await settled(page);
    await expectAccessible(page, { within });
    await page.emulateMedia({ colorScheme: 'dark' });
    await expectAccessible(page, { within, runOnly: ['color-contrast'] });
    await page.emulateMedia({ colorScheme: 'light' });
  };

  it('is accessible on every page, light and dark', { timeout: 300_000 }, async () => {
    const { page, errors } = await open('live');
    for (const address of Object.values(addresses)) {
      await page.goto(`${api.url}${address}`);
      await check(page, 'html');
    }
    expect(errors).toEqual([]);
  });

  it('is accessible in every dialog, light and dark', { timeout: 300_000 }, async () => {
    const { page, errors } = await open('live');
    for (const { at, button } of dialogs) {
      await page.goto(`${api.url}${addresses[at]}`);
      await page.getByRole('button', { name: button }).click();
      await page.getByRole('dialog').waitFor();
      await check(page, 'dialog[open]');
    }
    expect(errors).toEqual([]);
  });

  it('fits every page on a phone', async () => {
    const { page } = await open('live', { size: 'narrow' });
    const wider: string[] = [];
    for (const [name, address] of Object.entries(addresses)) {
      await page.goto(`${api.url}${address}`);
      await settled(page);
      if ((await page.evaluate<number>('document.documentElement.scrollWidth')) > 390) wider.push(name);
    }
    expect(wider).toEqual([]);
    await page.goto(`${api.url}${addresses.people}`);
    await settled(page);
    await expectAccessible(page);
  });

  it('moves the focus to the heading at navigation, and back after a dialog', async () => {
    const { page } = await open('live');
    const focused = () => page.evaluate<string>('document.activeElement.textContent');
    for (const name of ['People', 'Lists', 'Pipeline', 'Record']) {
      await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name }).press('Enter');
      await page.getByRole('heading', { level: 1, name }).waitFor();
      expect(await focused()).toBe(name);
    }
    await page.goto(`${api.url}${addresses.people}`);
    await page.getByText('Grace Okafor').waitFor();
    await page.getByRole('button', { name: 'Add a person' }).press('Enter');
    await page.getByRole('dialog', { name: 'Add a person' }).waitFor();
    await page.keyboard.press('Escape');
    await page.waitForFunction(`document.activeElement.textContent === 'Add a person'`);
  });

  it('is light or dark as the system or by the switch, which is kept', async () => {
    const { page } = await open('live', { dark: true });
    const ground = () => page.evaluate<string>('getComputedStyle(document.documentElement).backgroundColor');
    const atNight = await ground();
    await page.getByRole('button', { name: 'Colours: as the system' }).click();
    await page.getByRole('button', { name: 'Colours: light' }).waitFor();
    expect(await ground()).not.toBe(atNight);
    await page.reload();
    await page.getByRole('button', { name: 'Colours: light' }).click();
    expect(await ground()).toBe(atNight);
  });

  it('searches by a photo that is dropped or pasted, and by a face that is clicked', async () => {
    const { page, errors } = await open('search');
    await drop(page.locator('label.drop'), sample(1));
    const ada = page.getByRole('link', { name: /Ada Lindqvist/ }).first();
    await ada.waitFor();
    await page.getByText('A match: a camera').waitFor();
    expect(await ada.textContent()).toMatch(/0\.\d\d.*wanted: reached/);
    expect(await page.getByRole('heading', { name: 'Seen before' }).count()).toBe(1);
    await expectAccessible(page);
    expect((await api.call('GET', '/v1/access?action=search')).body.accesses).toHaveLength(1);

    await paste(page, sample(3));
    await page.getByText(/\d faces; the results are of face/).waitFor();
    await page.getByRole('button', { name: /^Face 2 from the left/ }).press('Enter');
    await page.getByText(/the results are of face 2/).waitFor();
    await ada.waitFor();

    await page.goto(`${api.url}${addresses.photo}`);
    await page.getByRole('button', { name: 'Search for Ada Lindqvist' }).press('Enter');
    await page.waitForURL('**/console/search?face=*');
    await page.getByText('A match: a camera').waitFor();
    await ada.waitFor();
    expect(errors).toEqual([]);
  });

  it('adds a person with photos, and says at once why one is refused', async () => {
    const { page, errors } = await open('people');
    await page.getByRole('button', { name: 'Add a person' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Name', { exact: true }).fill('Nobody New');
    const place = dialog.locator('label', { hasText: 'Drop photos of Nobody New' });
    await drop(place, Buffer.from('no photo'), 'letter.jpg');
    await dialog.getByText('image_format_unsupported').waitFor();
    expect(await database.rows(`select 1 from watchpost.person where name = 'Nobody New'`)).toEqual([]);
    await dialog.getByLabel('wanted').check();
    await drop(place, sample(3), 'group.jpg');
    await dialog.getByText('Which face is Nobody New?').waitFor();
    await dialog.getByRole('button', { name: 'Face 2 from the left' }).press('Enter');
    // That face is Ada's.
    await dialog.getByText('face_of_another').waitFor();
    await expectAccessible(page);
    await dialog.getByRole('button', { name: 'Done' }).click();
    await page.getByRole('heading', { level: 1, name: 'Nobody New' }).waitFor();
    await page.getByText('looks like Ada Lindqvist').waitFor();
    await page.getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await page.getByText('Nobody New is deleted.').waitFor();
    expect(errors).toEqual([]);
  });

  it('merges somebody who was enrolled twice, and undoes it', async () => {
    const { page, errors } = await open('people');
    await page.getByLabel('Part of the name').fill('lindq');
    await page.getByRole('link', { name: /Ada Lindqvist/ }).click();
    await page.getByRole('heading', { level: 1, name: 'Ada Lindqvist' }).waitFor();
    await page.getByRole('button', { name: 'Merge' }).click();
    const dialog = page.getByRole('dialog', { name: 'Merge somebody into Ada Lindqvist' });
    await dialog.getByLabel('Who is the same person?').fill('Ada L.');
    await dialog.getByRole('button', { name: /Ada L\./ }).click();
    await dialog.getByText('Ada Lindqvist gets the photos, sightings, alerts and lists of Ada L.').waitFor();
    await dialog.getByLabel('Note').fill('the same scar');
    await expectAccessible(page);
    await dialog.getByRole('button', { name: 'Merge' }).click();
    await page.getByText('Ada L. was merged into Ada Lindqvist.').waitFor();
    const merged = page.getByRole('listitem').filter({ hasText: 'the same scar' });
    await merged.waitFor();
    const mergedInto = async () =>
      (await database.rows('select merged_into from watchpost.person where id = $1', [furnished.adaAgain]))[0]
        .merged_into;
    expect(await mergedInto()).toBe(furnished.ada);
    await page.getByRole('button', { name: 'Undo', exact: true }).click();
    await page.getByText('Ada L. is a person of their own again.').waitFor();
    await merged.waitFor({ state: 'detached' });
    expect(await mergedInto()).toBeNull();
    expect(errors).toEqual([]);
  });

  it('puts a dead letter back, which raises the alert that had failed', async () => {
    await addDeadLetter(api, database, 'loading-dock');
    const { page, errors } = await open('pipeline');
    await page.getByRole('navigation', { name: 'Parts of the pipeline' }).getByText('Dead letters').click();
    await page.getByRole('heading', { level: 1, name: 'Dead letters' }).waitFor();
    await expectAccessible(page);
    await page.locator('.live[data-live]').waitFor();
    await page.getByRole('row', { name: /alert/ }).getByRole('button', { name: 'Put back' }).first().click();
    await page.getByText('It is put back: alert tries it again.').waitFor();
    await page
      .locator('[data-announcer]', { hasText: 'Alert: Ada Lindqvist, Loading dock.' })
      .waitFor({ state: 'attached' });
    await page.getByText('No dead letter').waitFor();
    expect(errors).toEqual([]);
  });

  it('pauses a task and resumes it', async () => {
    const { page } = await open('pipeline');
    await page.getByRole('button', { name: 'Pause describe' }).click();
    await page.getByRole('button', { name: 'Resume describe' }).waitFor();
    expect(await database.rows('select task from watchpost.task_pause')).toEqual([{ task: 'describe' }]);
    await page.getByRole('button', { name: 'Resume describe' }).click();
    await page.getByRole('button', { name: 'Pause describe' }).waitFor();
    expect(await database.rows('select task from watchpost.task_pause')).toEqual([]);
  });

  it('makes a list with its colour, sound and zone, and changes it', async () => {
    const { page } = await open('lists');
    await page.getByRole('button', { name: 'New list' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Name', { exact: true }).fill('banned');
    await dialog.getByLabel('Purpose').fill('House bans');
    await dialog.getByLabel('Sound').selectOption('bell');
    await dialog.getByLabel('Colour').fill('#00695c');
    await dialog.getByLabel('Must be acknowledged').check();
    await dialog.getByLabel('outside').check();
    await dialog.getByRole('button', { name: 'Add' }).click();
    await page.getByText('banned is added.').waitFor();
    await page.getByRole('button', { name: 'Change banned' }).click();
    await dialog.getByLabel('Severity', { exact: true }).selectOption('critical');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await page.getByText('banned is changed.').waitFor();
    const { watchlists } = (await api.call('GET', '/v1/watchlists')).body;
    expect(watchlists.find(({ name }: { name: string }) => name === 'banned')).toMatchObject({
      severity: 'critical',
      sound: 'bell',
      color: '#00695c',
      must_acknowledge: true,
      zones: ['outside'],
      cameras: null,
    });
  });

  it('tests endpoints, and says what went wrong', async () => {
    const { page } = await open('endpoints');
    await page.getByRole('button', { name: 'Test control room' }).click();
    await page.getByText(/control room has taken it: 204/).waitFor();
    await page.getByRole('button', { name: 'Test old pager' }).click();
    await page.getByText(/old pager does not take it\. .*503/).waitFor();
  });

  it('adds a chat with what its kind has to know, and pages a list', async () => {
    const { page } = await open('endpoints');
    await page.getByRole('button', { name: 'Add an endpoint' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Name', { exact: true }).fill('guards on Telegram');
    await dialog.getByLabel('Kind').selectOption('telegram');
    await dialog.getByLabel('Chat').fill('-100123');
    await dialog.getByLabel("Bot's token").fill('1:browser-secret');
    await dialog.getByRole('button', { name: 'Add' }).click();
    await page.getByText(/Telegram · https:\/\/api\.telegram\.org/).waitFor();
    expect(await page.content()).not.toContain('browser-secret');
    const { endpoints } = (await api.call('GET', '/v1/endpoints')).body;
    const made = endpoints.find(({ name }: { name: string }) => name === 'guards on Telegram');
    expect(made).toMatchObject({ kind: 'telegram', has_credential: true, settings: { chat_id: '-100123' } });

    await page.getByRole('button', { name: 'Change guards on Telegram' }).click();
    const form = page.getByRole('dialog');
    await form.getByLabel('Chat').fill('-100456');
    await form.getByLabel('Least severity').selectOption('critical');
    await form.getByRole('button', { name: 'Save' }).click();
    await page.getByText('guards on Telegram is changed.').waitFor();
    expect((await api.call('GET', `/v1/endpoints/${made.id}`)).body).toEqual({
      ...made,
      settings: { chat_id: '-100456' },
      min_severity: 'critical',
    });

    const { page: lists } = await open('lists');
    await lists.getByRole('button', { name: 'Paging of wanted' }).click();
    const paging = lists.getByRole('dialog');
    await paging.getByLabel('Quiet from').fill('22:00');
    await paging.getByLabel('Quiet until').fill('06:00');
    await paging.getByLabel('Escalate after minutes').fill('5');
    await paging.getByLabel('Then tell').selectOption('guards on Telegram');
    await paging.getByRole('button', { name: 'Save' }).click();
    await lists.getByText('The paging of wanted is saved.').waitFor();
    const { watchlists } = (await api.call('GET', '/v1/watchlists')).body;
    const { id } = watchlists.find(({ name }: { name: string }) => name === 'wanted');
    expect((await api.call('GET', `/v1/watchlists/${id}/paging`)).body).toMatchObject({
      quiet: [{ begins: '22:00', ends: '06:00' }],
      escalate_after_seconds: 300,
      steps: ['guards on Telegram'],
    });
    await api.call('DELETE', `/v1/watchlists/${id}/paging`);
    await api.call('DELETE', `/v1/endpoints/${made.id}`);
  });

  it('decides alerts about strangers, keeps the decided ones in sight, and opens one again', async () => {
    const { page, errors } = await open('strangers');
    const waiting = page.getByRole('region', { name: 'Not acknowledged' }).getByRole('listitem');
    await waiting.nth(1).waitFor();
    await waiting.first().getByRole('button', { name: 'Dismiss' }).click();
    await page.getByRole('dialog').getByLabel('Note').fill('the gardener');
    await page.getByRole('dialog').getByRole('button', { name: 'Dismiss' }).click();
    await waiting.nth(1).waitFor({ state: 'detached' });
    await page.getByRole('link', { name: 'Rules and alerts' }).click();
    const decided = page
      .getByRole('region', { name: 'Alerts' })
      .getByRole('listitem')
      .filter({ hasText: 'the gardener' });
    await decided.getByText('dismissed').waitFor();
    expect(await decided.getByRole('button').allTextContents()).toEqual(['Reopen']);
    await check(page, 'html');
    await decided.getByRole('button', { name: 'Reopen' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Reopen' }).click();
    await decided.waitFor({ state: 'detached' });
    const { alerts } = (await api.call('GET', '/v1/stranger-alerts?open=true')).body;
    expect(alerts).toHaveLength(2);
    expect(errors).toEqual([]);
  });

  it('adds a bridge with what its kind has to know, changes it, switches it off and removes it', async () => {
    const { page } = await open('bridges');
    await page.getByText('connect ECONNREFUSED 10.20.0.7:5671').waitFor();
    await page.getByRole('button', { name: 'Add a bridge' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Name', { exact: true }).fill('uploads');
    await dialog.getByLabel('Broker', { exact: true }).selectOption('nats');
    await dialog.getByLabel('Direction').selectOption('in');
    await dialog.getByLabel('Address of the broker').fill('kafka://nats.example');
    await dialog.getByLabel('Subject').fill('uploads');
    await dialog.getByLabel('Camera').selectOption('lobby');
    await dialog.getByLabel('Token').fill('browser-secret');
    await dialog.getByRole('button', { name: 'Add' }).click();
    await dialog.getByText('The URL of the broker cannot be used.').waitFor();
    await dialog.getByLabel('Address of the broker').fill('tls://nats.example');
    await dialog.getByRole('button', { name: 'Add' }).click();
    await page.getByText('uploads is added.').waitFor();
    expect(await page.content()).not.toContain('browser-secret');
    const made = async () =>
      (await api.call('GET', '/v1/bridges')).body.bridges.find(
        ({ name }: { name: string }) => name === 'uploads',
      );
    expect(await made()).toMatchObject({
      kind: 'nats',
      direction: 'in',
      camera: 'lobby',
      has_credentials: true,
    });

    await page.getByRole('button', { name: 'Change uploads' }).click();
    const form = page.getByRole('dialog');
    await form.getByLabel('Subject').fill('photos');
    await form.getByLabel('No credentials any more').check();
    await form.getByRole('button', { name: 'Save' }).click();
    await page.getByText('uploads is changed.').waitFor();
    expect(await made()).toMatchObject({ address: 'photos', camera: 'lobby', has_credentials: false });
    await page.getByRole('button', { name: 'Switch off uploads' }).click();
    await page.getByRole('button', { name: 'Switch on uploads' }).waitFor();
    expect(await made()).toMatchObject({ enabled: false });
    await page.getByRole('button', { name: 'Remove uploads' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
    await page.getByText('uploads is removed.').waitFor();
    expect(await made()).toBeUndefined();
  });

  it('shows how the source of a camera is watched', async () => {
    const { page } = await open('cameras');
    await page.getByText('The server cannot be reached.').waitFor();
    const row = page.getByRole('row', { name: /Loading dock connected/ });
    for (const figure of ['14,388', '14,352', '36']) await row.getByText(figure, { exact: true }).waitFor();
  });

  it('shows a key with less scope less', async () => {
    const { key } = await keyWith(database, { name: 'guest', scopes: ['read'] });
    const { page, errors } = await open('alert', { key });
    await page.getByText('Your key may not review alerts.').waitFor();
    expect(
      await page
        .getByRole('article')
        .getByRole('button', { name: /It is them|Not them|Dismiss|Acknowledge/ })
        .count(),
    ).toBe(0);
    const never: Record<string, RegExp> = {
      people: /Add a person/,
      person: /Change|Merge|Delete|Not them|Remove|Take back/,
      stranger: /Give a name/,
      lists: /New list|Change|Delete/,
      cameras: /Add a camera|Change|Remove/,
      pipeline: /Pause|Resume/,
    };
    for (const [name, buttons] of Object.entries(never)) {
      await page.goto(`${api.url}${addresses[name]}`);
      await settled(page);
      await page.getByRole('heading', { level: 1 }).waitFor();
      expect(await page.getByRole('main').getByRole('button', { name: buttons }).count(), name).toBe(0);
      expect(await page.getByRole('main').locator('label.drop').count(), name).toBe(0);
      expect(await page.getByRole('main').getByRole('alert').count(), name).toBe(0);
    }
    await page.goto(`${api.url}${addresses.settings}`);
    await page.getByText('see alerts, people and photos').waitFor();
    expect(await page.getByRole('link', { name: 'Keys' }).count()).toBe(0);
    await page.goto(`${api.url}${addresses.keys}`);
    await page.getByText('scope_missing').waitFor();
    await expectAccessible(page);
    expect(errors).toEqual([]);
  });

  it('verifies the record, and finds what was altered', async () => {
    await sealAll(database);
    const { page } = await open('seals');
    await page.getByRole('button', { name: 'Verify the record' }).click();
    await page.getByText(/Every row is as it was sealed/).waitFor();
    await tamper(database, `update watchpost.event set topic = 'image.lost' where topic = 'image.received'`);
    await page.getByRole('button', { name: 'Verify the record' }).click();
    await page.getByText('row altered').first().waitFor();
  });
});
