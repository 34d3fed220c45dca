import type { Browser } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Api, formOf, serve } from '../http/support.ts';
import type { TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { untilIdle } from '../support/pipeline.ts';
import { browserPath, expectAccessible, logIn, needsBrowser, openBrowser, openPage } from './support.ts';

/** Ada is enrolled from one photo and seen in another. */
const enrolAda = async (api: Api, database: TestDatabase): Promise<void> => {
  await api.call('POST', '/v1/cameras', { name: 'north-gate', location: 'North gate' });
  await api.call('POST', '/v1/watchlists', { name: 'wanted', severity: 'critical', purpose: 'a test' });
  const { body: ada } = await api.call('POST', '/v1/persons', {
    name: 'Ada',
    watchlists: ['wanted'],
    legal_basis: 'legitimate_interest',
  });
  const added = await api.call('POST', `/v1/persons/${ada.id}/photos`, formOf(sample(3), { face: '2' }));
  expect(added.status, JSON.stringify(added.body)).toBeLessThan(300);
  await untilIdle(database);
};

describe.skipIf(!browserPath)(`alerts in the console${needsBrowser}`, () => {
  let database: TestDatabase;
  let api: Api;
  let browser: Browser;
  beforeAll(async () => {
    ({ database, api } = await serve());
    browser = await openBrowser();
    await enrolAda(api, database);
  });

  const submit = () => api.call('POST', '/v1/images', formOf(sample(1), { camera: 'north-gate' }));

  it('leads from / to the log-in, refuses a wrong key in words, and lets a right one in', async () => {
    const { page, errors } = await openPage(browser);
    await page.goto(api.url);
    await page.waitForURL('**/console/');
    await page.getByLabel('API key').fill('wp_wrong');
    await page.getByRole('button', { name: 'Log in' }).click();
    expect(await page.getByRole('alert').textContent()).toContain('not known here');
    await expectAccessible(page);
    await page.getByLabel('API key').fill(api.key);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'Live' }).waitFor();
    await page.reload();
    await page.getByRole('heading', { level: 1, name: 'Live' }).waitFor();
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByLabel('API key').waitFor();
    expect(errors).toEqual([]);
  });

  it('shows an alert as it is raised, and reviews it with a note, which undo takes back', async () => {
    const { page, errors } = await openPage(browser);
    await logIn(page, api.url, api.key);
    await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Alerts' }).click();
    await page.getByText('Nothing waits for you').waitFor();
    await page.locator('.live[data-live]').waitFor();
    await submit();
    // Without a reload: by the stream.
    const card = page.getByRole('link', { name: /Ada.*North gate/ });
    await card.waitFor();
    await page
      .locator('[data-announcer]', { hasText: 'Alert: Ada, North gate.' })
      .waitFor({ state: 'attached' });
    await page.getByRole('heading', { level: 2, name: 'Ada' }).waitFor();
    await expectAccessible(page);

    await page.keyboard.press('n');
    const dialog = page.getByRole('dialog', { name: 'Not Ada?' });
    await dialog.getByLabel('Note').fill('another person');
    await expectAccessible(page);
    await dialog.getByRole('button', { name: 'Not them' }).click();
    await page.getByText('Dismissed as not them: Ada, North gate.').waitFor();
    const [{ id }] = await database.rows('select id from watchpost.alert');
    const stateOf = async () => (await api.call('GET', `/v1/alerts/${id}`)).body;
    expect(await stateOf()).toMatchObject({ state: 'dismissed', dismissal: 'not_them' });
    expect((await stateOf()).reviews).toMatchObject([{ note: 'another person', decision: 'dismissed' }]);

    await page.getByRole('button', { name: 'Undo' }).click();
    await page.getByText('Undone: Ada, North gate, is open again.').waitFor();
    await card.waitFor();
    expect(await stateOf()).toMatchObject({ state: 'open' });
    expect(errors).toEqual([]);
  });

  it('can be used by keys, which can be switched off', async () => {
    const { page } = await openPage(browser);
    await logIn(page, api.url, api.key);
    await page.goto(`${api.url}/console/alerts`);
    await page.getByRole('heading', { level: 2, name: 'Ada' }).waitFor();
    await page.keyboard.press('?');
    const help = page.getByRole('dialog', { name: 'Keys' });
    await help.getByText('it is not them').waitFor();
    await expectAccessible(page);
    await help.getByLabel('Single keys act').uncheck();
    await page.keyboard.press('Escape');
    await page.keyboard.press('n');
    expect(await page.getByRole('dialog').count()).toBe(0);
    await page.getByRole('button', { name: 'Keys' }).click();
    await page.getByLabel('Single keys act').check();
    await page.keyboard.press('Escape');
    await page.keyboard.press('n');
    await page.getByRole('dialog', { name: 'Not Ada?' }).waitFor();
  });

  it('fits both faces and the buttons on one screen of a phone', async () => {
    const { page } = await openPage(browser, { size: 'narrow' });
    await logIn(page, api.url, api.key);
    await page.goto(`${api.url}/console/alerts`);
    await page.getByRole('link', { name: /Ada.*North gate/ }).click();
    await page.getByRole('heading', { level: 2, name: 'Ada' }).waitFor();
    const top = await page.getByAltText('The face that was seen').boundingBox();
    const buttons = await page.getByRole('button', { name: /^Dismiss( D)?$/ }).boundingBox();
    const tabs = await page.getByRole('navigation', { name: 'Main pages' }).boundingBox();
    expect(top!.y).toBeGreaterThanOrEqual(0);
    expect(buttons!.y + buttons!.height).toBeLessThanOrEqual(tabs!.y);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(390);
    await expectAccessible(page);
  });
});
