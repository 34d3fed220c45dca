import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { describe, it } from 'vitest';
import { groups } from '../../src/console/pages/entries.ts';
import { type Api, formOf, serve } from '../http/support.ts';
import type { TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { untilIdle } from '../support/pipeline.ts';
import { browserPath, logIn, needsBrowser, openBrowser, openPage } from './support.ts';

/** Takes a picture of every page, light and dark, wide and 390 px: `npm run screenshots`, to be looked at. */

const folder = fileURLToPath(new URL('../../screenshots/', import.meta.url));

const furnish = async (database: TestDatabase, api: Api): Promise<string> => {
  for (const [name, location, zone] of [
    ['north-gate', 'North gate', 'outside'],
    ['lobby', 'Lobby', 'inside'],
    ['garage', 'Garage, level 2', 'inside'],
  ])
    await api.call('POST', '/v1/cameras', { name, location, zone });
  await api.call('POST', '/v1/watchlists', {
    name: 'wanted',
    severity: 'critical',
    purpose: 'thefts',
    reviewers: 2,
  });
  const { body: ada } = await api.call('POST', '/v1/persons', {
    name: 'Ada Lindqvist',
    watchlists: ['wanted'],
    legal_basis: 'legitimate_interest',
  });
  await api.call('POST', `/v1/persons/${ada.id}/photos`, formOf(sample(3), { face: '2' }));
  await untilIdle(database);
  const ago = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();
  for (const [photo, camera, minutes] of [
    [sample(1), 'lobby', 14],
    [sample(1), 'north-gate', 3],
    [sample(5), 'lobby', 2],
    [sample(6), 'garage', 1],
  ] as const)
    await api.call('POST', '/v1/images', formOf(photo, { camera, captured_at: ago(minutes) }));
  await untilIdle(database);
  const { body } = await api.call('GET', '/v1/alerts');
  await api.call('POST', `/v1/alerts/${body.alerts[0].id}/acknowledge`, {
    note: 'The guard at the gate is told.',
  });
  await api.call('POST', `/v1/alerts/${body.alerts[0].id}/undo`);
  return body.alerts[0].id;
};

/** Resolves when nothing loads any more and every picture in sight is there. */
const settled = async (page: Page): Promise<void> => {
  await page.waitForLoadState('load');
  await page.waitForTimeout(500);
  await page.waitForFunction(
    '[...document.images].every((image) => image.complete || image.loading === "lazy")',
  );
  await page.waitForTimeout(300);
};

describe.skipIf(!browserPath)(`pictures of every page${needsBrowser}`, () => {
  it('are taken', async () => {
    const { database, api } = await serve();
    const browser = await openBrowser();
    await mkdir(folder, { recursive: true });
    const { page: first } = await openPage(browser);
    await first.goto(`${api.url}/console/`);
    await first.getByLabel('API key').waitFor();
    await first.screenshot({ path: `${folder}login.png` });
    await logIn(first, api.url, api.key);
    await settled(first);
    await first.screenshot({ path: `${folder}first-run.png` });
    const alert = await furnish(database, api);
    const addresses = [
      ...groups.flatMap(({ entries }) => entries.map(({ href }) => href)),
      `/console/alerts/${alert}`,
    ];
    for (const size of ['wide', 'narrow'] as const)
      for (const dark of [false, true]) {
        const { page } = await openPage(browser, { size, dark });
        await logIn(page, api.url, api.key);
        for (const address of addresses) {
          await page.goto(`${api.url}${address}`);
          await settled(page);
          const name = address.replace(alert, 'one').split('/').slice(2).filter(Boolean).join('-') || 'live';
          await page.screenshot({
            path: `${folder}${name}-${size}-${dark ? 'dark' : 'light'}.png`,
            fullPage: true,
          });
        }
        await page.close();
      }
  });
});
